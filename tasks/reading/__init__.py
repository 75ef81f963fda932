"""Objects to rows: CSV, JSON Lines and Parquet, in pieces of bounded size."""
