"""Models: the registry of versions, their artifacts, the scorers that evaluate them, and how they are verified."""
