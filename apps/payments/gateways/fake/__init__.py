"""The sandbox as an HTTP server of its own: a payment provider that can be hurt while it runs (docs/how-to/operate.md)."""
