"""Predictions for callers who wait, and for the stream."""
