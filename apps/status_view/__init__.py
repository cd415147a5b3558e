"""Status view: the read model; it owns nothing and knows everything."""
