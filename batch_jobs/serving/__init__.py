"""The model server: from a request's bytes to an answer's."""
