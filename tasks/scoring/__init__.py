"""A shard on its way from rows to predictions: results, items, and the marker that makes them count."""
