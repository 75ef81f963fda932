"""The container image of batch jobs and its commands: score a shard, train a model."""
