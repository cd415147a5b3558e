"""Items: the catalogue, and when each item is busy."""
