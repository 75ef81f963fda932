"""What a step does: the domain of batch inference, and the Lambda handlers that call it."""
