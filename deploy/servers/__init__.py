"""Servers that tests, benchmarks and the local cluster start: each on a free port, gone with the process that started it."""
