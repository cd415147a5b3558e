"""The shared kernel: what two contexts need, and no word of any one of them."""

__version__ = "0.1.0"
