"""What runs, in which order: workflows authored in Python, rendered to Amazon States Language, and executed."""
