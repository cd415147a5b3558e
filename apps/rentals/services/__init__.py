"""The use cases of rentals: who may change what, and which fact is published."""
