"""Items: the catalogue, and the periods in which each item is reserved or rented."""
