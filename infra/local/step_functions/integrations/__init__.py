"""What Task states can ask of AWS services: each a real call, made with the state machine's role."""
