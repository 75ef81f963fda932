"""Runs of batch inference: what is asked, what there is to score, its shards, and how it ended."""
