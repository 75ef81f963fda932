"""The `ml-pipeline` command: the top of the house, which nothing else imports."""
