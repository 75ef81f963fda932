"""Building blocks that several stacks use."""
