"""Records: from raw values to checked columns and features, by a model's signature."""
