"""Which lanes this thread has put deliveries into: noted by whoever writes them, drained after the commit by the fast path."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction

Lane = tuple[str, str]
"""A subscriber, and its share of a stream."""

# A transaction that touches more lanes than this is a bulk load, and the relay's work.
_MOST_LANES = 200


class _Thread(threading.local):
    """What this thread has published and not drained. Lanes of a rolled-back transaction may stand here too: there is nothing in them."""

    def __init__(self) -> None:
        self.lanes: dict[Lane, None] = {}
        self.is_busy = False


_thread = _Thread()
_drains: list[Callable[[], None]] = []


def set_drain(drain: Callable[[], None]) -> None:
    """Have `drain` called after each commit that touched lanes, unless the thread is draining already."""
    _drains[:] = [drain]


def add(lanes: Iterable[Lane], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Note the lanes that the transaction at hand on `using` puts deliveries into, and have them drained after its commit."""
    if settings.GDMARKET_DISPATCH == "off":
        return
    if len(_thread.lanes) < _MOST_LANES:
        _thread.lanes.update(dict.fromkeys(lanes))
    if not _thread.is_busy:
        transaction.on_commit(_after_commit, using=using, robust=True)


def take() -> list[Lane]:
    """Return the lanes noted, and forget them."""
    lanes = list(_thread.lanes)
    _thread.lanes.clear()
    return lanes


@contextmanager
def suppress_dispatch() -> Iterator[None]:
    """Drain nothing for the length of the block, by its own commits: whoever drains, or is a relay, comes to it anyway."""
    was_busy, _thread.is_busy = _thread.is_busy, True
    try:
        yield
    finally:
        _thread.is_busy = was_busy
        _thread.lanes.clear()


def _after_commit() -> None:
    if _thread.lanes and not _thread.is_busy:
        for drain in _drains:
            drain()
