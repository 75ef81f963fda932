"""Where it runs: the CDK app, the embedded AWS, and the command line."""
