"""The stacks, one module for each section of the infrastructure."""
