"""Which model the endpoint serves, and how that is changed."""
