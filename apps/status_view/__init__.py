"""Status view: the read model, built from the facts of items, rentals and payments."""
