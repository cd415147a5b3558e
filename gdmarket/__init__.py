"""The shared kernel: code that at least two contexts use, and that knows none of them."""

__version__ = "0.1.0"
