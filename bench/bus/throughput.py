"""Ordered, fenced deliveries of the status view's own handler."""

from bench.bus import backlog
from bench.bus.backlog import Backlog
from bench.bus.relays import running


def measure(*, relays: int, seconds: float, waiting: Backlog) -> float:
    """Return how many deliveries a second so many relays do."""
    waiting.refill()
    with running(relays=relays):
        return backlog.rate(seconds=seconds)
