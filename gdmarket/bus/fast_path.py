"""Deliver at once, in the process that published. This only lowers the latency; the relay guarantees delivery.

After the outermost commit, or at the end of the outermost `defer_dispatch`, the lanes it published to are delivered to, never recursively:
what handlers publish meanwhile is delivered in the next turn of the same loop.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from time import monotonic

from django.conf import settings
from django.db import close_old_connections, connections

from gdmarket.bus import delivering, pending_lanes
from gdmarket.bus.pending_lanes import Lane

logger = logging.getLogger(__name__)

_IDLE_S = 1.0
# The background thread leaves to the relay what takes longer.
BACKGROUND_BUDGET_S = 5.0


def dispatch_pending() -> None:
    """Deliver to the pending lanes, now or in the background thread. Errors are logged: the relay will deliver."""
    lanes = pending_lanes.take()
    with _errors_logged():
        if settings.GDMARKET_DISPATCH == "thread":
            _background.submit(lanes)
        else:
            _deliver(lanes, until=monotonic() + settings.GDMARKET_DISPATCH_BUDGET_MS / 1000)


@contextmanager
def _errors_logged() -> Iterator[None]:
    try:
        yield
    except Exception:
        logger.exception("delivering at once failed; the relay will deliver")


def _deliver(lanes: list[Lane], *, until: float) -> None:
    delivering.deliver(lanes, keep_going=lambda: monotonic() < until)


class _BackgroundThread:
    """One thread a process that delivers to lanes for all others. It ends after a second without work; the next `submit` starts another."""

    def __init__(self) -> None:
        self._waiting: SimpleQueue[list[Lane]] = SimpleQueue()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def submit(self, lanes: list[Lane]) -> None:
        """Have the thread deliver to these lanes."""
        with self._lock:
            self._waiting.put(lanes)
            # A forked child has no thread: only its parent does.
            if self._worker is None or not self._worker.is_alive():
                self._worker = threading.Thread(target=self._run, name="bus", daemon=True)
                self._worker.start()

    def _run(self) -> None:
        try:
            while (lanes := self._next()) is not None:
                close_old_connections()
                with _errors_logged():
                    _deliver(lanes, until=monotonic() + BACKGROUND_BUDGET_S)
        finally:
            connections.close_all()

    def _next(self) -> list[Lane] | None:
        """Wait for lanes to deliver to; return None after a second without any."""
        try:
            return self._waiting.get(timeout=_IDLE_S)
        except Empty:
            with self._lock:
                if not self._waiting.empty():
                    return self._waiting.get()
                self._worker = None
                return None


_background = _BackgroundThread()
pending_lanes.dispatch_with(dispatch_pending)
