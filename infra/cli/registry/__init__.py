"""Registered models and experiments as people see them."""
