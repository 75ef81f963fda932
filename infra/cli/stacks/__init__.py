"""Stacks and what goes into them: the CDK, its assembly, images, definitions, and what is deployed."""
