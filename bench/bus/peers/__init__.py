"""Libraries that deliver reliably, each run in a virtual environment of its own by `python -m bench.bus.peers`."""
