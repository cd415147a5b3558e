"""Delivering at once, in the process that published: only latency; the promise is the relay's.

After the outermost commit the lanes it touched are drained, breadth first and never recursively: what handlers publish meanwhile is
noted and drained in the next turn of the same loop.
"""

import logging
import threading
from itertools import groupby
from queue import Empty, SimpleQueue
from time import monotonic

from django.conf import settings
from django.db import close_old_connections, connections

from gdmarket.bus import claims, dispatch, pending_lanes, routing
from gdmarket.bus.pending_lanes import Lane

logger = logging.getLogger(__name__)

_IDLE_S = 1.0


def after_commit() -> None:
    """Drain the lanes that were touched, here and now or by the background thread."""
    if settings.GDMARKET_DISPATCH == "thread":
        _background.drain(pending_lanes.take())
    else:
        _drain(pending_lanes.take(), until=monotonic() + settings.GDMARKET_DISPATCH_BUDGET_MS / 1000)


def _drain(lanes: list[Lane], *, until: float) -> None:
    try:
        with pending_lanes.suppress_dispatch():
            while lanes and monotonic() < until:
                for _, of_one_log in groupby(sorted(lanes, key=_log_of), key=_log_of):
                    dispatch.work(batch=claims.claim_pending_lanes(lanes=list(of_one_log)), keep_going=lambda: monotonic() < until)
                lanes = pending_lanes.take()
    except Exception:
        logger.exception("delivering at once failed; the relay will deliver")


def _log_of(lane: Lane) -> str:
    return routing.alias_of(lane[0])


class _Background:
    """One thread a process that drains what the others have touched; it goes home when idle, and the next who touches starts another."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[list[Lane]] = SimpleQueue()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def drain(self, lanes: list[Lane]) -> None:
        """Have these lanes drained soon, by the thread."""
        with self._lock:
            self._waiting.put(lanes)
            # After a fork the thread is gone: only the parent has it.
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._run, name="bus", daemon=True)
                self._worker.start()

    def _run(self) -> None:
        try:
            while (lanes := self._next()) is not None:
                close_old_connections()
                _drain(lanes, until=monotonic() + dispatch.BATCH_S)
        finally:
            connections.close_all()

    def _next(self) -> list[Lane] | None:
        """Wait for lanes to drain; None when there were none for a while."""
        try:
            return self._waiting.get(timeout=_IDLE_S)
        except Empty:
            with self._lock:
                if not self._waiting.empty():
                    return self._waiting.get()
                self._worker = None
                return None


_background = _Background()
pending_lanes.set_drain(after_commit)
