"""The shared kernel: what two contexts need, and no word of any one of them."""
