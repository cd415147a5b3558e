"""Delivering at once, in the process that published: only latency; the promise is the relay's.

After the outermost commit the lanes it touched are drained, breadth first and never recursively: what handlers publish meanwhile is
noted and drained in the next turn of the same loop.
"""

import logging
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from time import monotonic

from django.conf import settings
from django.db import close_old_connections, connection, transaction

from gdmarket.bus import claims, dispatch
from gdmarket.bus.claims import Lane

logger = logging.getLogger(__name__)

# A transaction that touches more lanes than this is a bulk load, and the relay's work.
_MOST_LANES = 200
_IDLE_S = 1.0


class _Thread(threading.local):
    """What this thread has published and not drained. Lanes of a rolled-back transaction may stand here too: there is nothing in them."""

    def __init__(self) -> None:
        self.touched: dict[Lane, None] = {}
        self.is_busy = False


_thread = _Thread()


def touch(lanes: Iterable[Lane]) -> None:
    """Note the lanes that the transaction at hand puts deliveries into, and drain them after its commit."""
    if settings.GDMARKET_DISPATCH == "off":
        return
    if len(_thread.touched) < _MOST_LANES:
        _thread.touched.update(dict.fromkeys(lanes))
    if not _thread.is_busy:
        transaction.on_commit(_after_commit, robust=True)


@contextmanager
def held_back() -> Iterator[None]:
    """Deliver nothing at once for the length of the block: the relay, whose rounds these are, comes to it anyway."""
    was_busy, _thread.is_busy = _thread.is_busy, True
    try:
        yield
    finally:
        _thread.is_busy = was_busy
        _thread.touched.clear()


def _after_commit() -> None:
    if not _thread.touched or _thread.is_busy:
        return
    if settings.GDMARKET_DISPATCH == "thread":
        lanes = list(_thread.touched)
        _thread.touched.clear()
        _background.drain(lanes)
    else:
        _drain(until=monotonic() + settings.GDMARKET_DISPATCH_BUDGET_MS / 1000)


def _drain(*, until: float) -> None:
    _thread.is_busy = True
    try:
        while _thread.touched and monotonic() < until:
            lanes = list(_thread.touched)
            _thread.touched.clear()
            dispatch.work(batch=claims.claim_touched(lanes=lanes), keep_going=lambda: monotonic() < until)
    except Exception:
        logger.exception("delivering at once failed; the relay will deliver")
    finally:
        _thread.is_busy = False
        _thread.touched.clear()


class _Background:
    """One thread a process that drains what the others have touched; it goes home when idle, and the next who touches starts another."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[list[Lane]] = SimpleQueue()
        self._door = threading.Lock()
        self._worker: threading.Thread | None = None

    def drain(self, lanes: list[Lane]) -> None:
        """Have these lanes drained soon, by the thread."""
        with self._door:
            self._waiting.put(lanes)
            # After a fork the thread is gone: only the parent has it.
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._run, name="bus", daemon=True)
                self._worker.start()

    def _run(self) -> None:
        try:
            while (lanes := self._next()) is not None:
                close_old_connections()
                _thread.touched.update(dict.fromkeys(lanes))
                _drain(until=monotonic() + dispatch.BATCH_S)
        finally:
            connection.close()

    def _next(self) -> list[Lane] | None:
        """Wait for lanes to drain; None when there were none for a while."""
        try:
            return self._waiting.get(timeout=_IDLE_S)
        except Empty:
            with self._door:
                if not self._waiting.empty():
                    return self._waiting.get()
                self._worker = None
                return None


_background = _Background()
