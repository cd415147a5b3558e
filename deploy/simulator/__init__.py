"""A payment provider that can be made to fail while it runs: `python -m deploy.simulator` (docs/reference/payment-simulator.md)."""
