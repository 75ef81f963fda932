"""The operations of the API, by what they are about. Each takes a request's members and returns the answer's."""
