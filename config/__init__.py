"""The composition root: it may import anything, and nothing imports it."""
