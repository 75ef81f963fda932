"""Runs as people see them: progress, records, outcomes, scores, charts."""
