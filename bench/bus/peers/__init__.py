"""Libraries that deliver reliably, each run by `./dev bench bus --peers` in a virtual environment and on a database of its own."""
