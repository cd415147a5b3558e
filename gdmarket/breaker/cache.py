"""A dependency's row as this process last read it: refreshed four times a second, and at once after a change of its own."""

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from django.db import Error, connection, transaction

from gdmarket.breaker import store
from gdmarket.breaker.models import CircuitSnapshot
from gdmarket.breaker.policy import Clock

S = TypeVar("S")
T = TypeVar("T")

_log = logging.getLogger(__name__)

REFRESH_EVERY_S = 0.25
# An unreachable database may take seconds to fail: after one failure the other calls do not wait for it.
FAIL_OPEN_S = 2.0
WARN_EVERY_S = 10.0
# The state while the database cannot be used. No row has this generation.
UNKNOWN = CircuitSnapshot(generation=-1)


class StateCache:
    """Caches one dependency's snapshot; it is `UNKNOWN`, which permits calls, while the database cannot be used."""

    def __init__(self, *, name: str, monotonic: Clock) -> None:
        self._name = name
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._snapshot: CircuitSnapshot | None = None
        self._read_at = self._refresh_at = self._warn_at = 0.0
        self._is_refreshing = False
        self._last_read = self._newest_read = 0

    @property
    def generation(self) -> int:
        """The generation that was read last."""
        return UNKNOWN.generation if self._snapshot is None else self._snapshot.generation

    def snapshot(self) -> CircuitSnapshot:
        """Return the state, at most a quarter of a second old; `left_s` is as of now.

        Once it is older one thread reads the row, while the others get the old snapshot.
        """
        with self._lock:
            now = self._monotonic()
            if self._snapshot is not None and (self._is_refreshing or now < self._refresh_at):
                if self._snapshot.left_s is None:
                    return self._snapshot
                return replace(self._snapshot, left_s=self._snapshot.left_s - (now - self._read_at))
            self._is_refreshing = True
        try:
            return self.refresh()
        finally:
            self._is_refreshing = False

    def refresh(self) -> CircuitSnapshot:
        """Read the row and return its snapshot."""
        number = self._next_read()
        snapshot = self.use(lambda: store.read(name=self._name), on_failure=None)
        if snapshot is None:
            return UNKNOWN
        self._keep(snapshot, number=number, for_s=REFRESH_EVERY_S)
        return snapshot

    def change(self, act: Callable[[], bool]) -> None:
        """Let `act` change the row, and refresh."""
        if self.use(act, on_failure=None) is not None:
            self.refresh()

    def use(self, act: Callable[[], T], *, on_failure: S) -> T | S:
        """Return the result of `act`, which uses the store; if the database fails, fail open for a while and return `on_failure`.

        A transaction around the call stays usable either way.
        """
        try:
            if not connection.in_atomic_block:
                return act()
            with transaction.atomic():
                return act()
        except Error as failure:
            self._fail_open(failure)
            return on_failure

    def _fail_open(self, failure: Error) -> None:
        self._keep(UNKNOWN, number=self._next_read(), for_s=FAIL_OPEN_S)
        with self._lock:
            warns = self._warn_at <= self._monotonic()
            if warns:
                self._warn_at = self._monotonic() + WARN_EVERY_S
        if warns:
            _log.warning("breaker %s: its row cannot be used, calls go through: %s", self._name, str(failure).strip())
        if not connection.in_atomic_block:
            with suppress(Error):
                connection.close_if_unusable_or_obsolete()

    def _next_read(self) -> int:
        with self._lock:
            self._last_read += 1
            return self._last_read

    def _keep(self, snapshot: CircuitSnapshot, *, number: int, for_s: float) -> None:
        """Keep the result of a read, unless a read that began later has ended already."""
        with self._lock:
            if number >= self._newest_read:
                now = self._monotonic()
                self._snapshot, self._read_at, self._refresh_at, self._newest_read = snapshot, now, now + for_s, number
