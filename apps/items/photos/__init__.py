"""Photos of items: their order, the pictures made of what was sent, and where those are kept."""
