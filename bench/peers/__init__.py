"""The whole flow of a rental on this product, and of an order on general shops, each set up from the package registries."""
