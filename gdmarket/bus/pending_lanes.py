"""Lanes that this thread has published to since its last dispatch; the fast path delivers them after the commit."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction

Lane = tuple[str, str]
"""A subscriber, and the stream whose events it receives in order."""

# A transaction that publishes to more lanes than this is a bulk load, which is left to the relay.
_MAX_LANES = 200


class _ThreadState(threading.local):
    """One thread's lanes. Those of a savepoint that was rolled back may be among them: they are empty, and do no harm."""

    def __init__(self) -> None:
        self.lanes: dict[Lane, None] = {}
        self.is_suppressed = False
        self.is_deferred = False
        self.has_committed = False


_state = _ThreadState()
_dispatchers: list[Callable[[], None]] = []


def dispatch_with(dispatch: Callable[[], None]) -> None:
    """Set the function that delivers to the pending lanes; it must not raise."""
    _dispatchers[:] = [dispatch]


def add(lanes: Iterable[Lane], *, using: str = DEFAULT_DB_ALIAS) -> None:
    """Add lanes that the current transaction on `using` writes deliveries for; they are dispatched after its commit."""
    if settings.GDMARKET_DISPATCH == "off":
        return
    _forget_rolled_back()
    if len(_state.lanes) < _MAX_LANES:
        _state.lanes.update(dict.fromkeys(lanes))
    if not _state.is_suppressed:
        transaction.on_commit(_after_commit, using=using, robust=True)


def discard(lane: Lane) -> None:
    """Forget a lane in which nothing is left to deliver."""
    _state.lanes.pop(lane, None)


def take() -> list[Lane]:
    """Return the pending lanes, and forget them."""
    lanes = list(_state.lanes)
    _state.lanes.clear()
    return lanes


@contextmanager
def suppress_dispatch() -> Iterator[None]:
    """Dispatch nothing that is published in the block: for those who deliver it themselves."""
    outer, _state.lanes = _state.lanes, {}
    was_suppressed, _state.is_suppressed = _state.is_suppressed, True
    try:
        yield
    finally:
        _state.lanes, _state.is_suppressed = outer, was_suppressed


@contextmanager
def defer_dispatch() -> Iterator[None]:
    """Deliver nothing in this thread until the outermost such block has ended, then at once what was published in it.

    Also when the block raises: what it committed is delivered. What it published in a transaction that is still open when it ends is
    delivered after that transaction's commit, as ever.
    """
    if _state.is_deferred:
        yield
        return
    _forget_rolled_back()
    _state.is_deferred = True
    try:
        yield
    finally:
        _state.is_deferred = False
        if _state.has_committed:
            _after_commit()


def is_deferred() -> bool:
    """Return whether what this thread publishes is delivered at the end of an enclosing `defer_dispatch`, by this process."""
    return _state.is_deferred and settings.GDMARKET_DISPATCH != "off"


def deliver_deferred() -> None:
    """Deliver now what was committed in an enclosing `defer_dispatch`, for a caller that goes on with what comes of it."""
    if _state.is_deferred and _state.has_committed:
        _state.is_deferred = False
        try:
            _after_commit()
        finally:
            _state.is_deferred = True


def _forget_rolled_back() -> None:
    """Forget the lanes of a transaction that was rolled back: those of a bulk load would leave no room for what is published next."""
    if _state.is_deferred or _state.is_suppressed or not _state.lanes:
        return
    if not any(connection.run_on_commit for connection in connections.all(initialized_only=True)):
        _state.lanes.clear()


def _after_commit() -> None:
    _state.has_committed = _state.is_deferred
    if _state.lanes and not (_state.is_deferred or _state.is_suppressed):
        for dispatch in _dispatchers:
            dispatch()
