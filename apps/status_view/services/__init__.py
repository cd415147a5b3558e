"""Writing the view: facts are applied to it; it is compared with its owners, and rebuilt from them."""
