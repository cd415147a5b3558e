"""The event bus: measured on a database of its own, in ratios."""
