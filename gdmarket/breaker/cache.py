"""What a process sees of a dependency's row: it looks a few times a second, at once where it changed the row itself, and may be blind."""

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
# A database that is away may take seconds to say so; nobody else shall wait for that meanwhile.
FAIL_OPEN_S = 2.0
WARN_EVERY_S = 10.0
# No row has this generation.
UNKNOWN = CircuitSnapshot(generation=-1)


class StateCache:
    """One dependency's row, as this process saw it last; `UNKNOWN`, which lets calls through, while the database cannot be used."""

    def __init__(self, *, name: str, monotonic: Clock) -> None:
        self._name = name
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._seen: CircuitSnapshot | None = None
        self._seen_at = self._look_again_at = self._silent_until = 0.0
        self._is_looking = False
        self._looks = self._newest = 0

    @property
    def generation(self) -> int:
        """The generation that was seen last."""
        return UNKNOWN.generation if self._seen is None else self._seen.generation

    def snapshot(self) -> CircuitSnapshot:
        """Return how the dependency stands, as of a quarter of a second ago or less; `left_s` is as of now.

        Where the row is to be looked at again, one thread does it, and the others go by what was seen before.
        """
        with self._lock:
            now = self._monotonic()
            if self._seen is not None and (self._is_looking or now < self._look_again_at):
                return _counted_down(self._seen, passed_s=now - self._seen_at)
            self._is_looking = True
        try:
            return self.refresh()
        finally:
            self._is_looking = False

    def refresh(self) -> CircuitSnapshot:
        """Return how the dependency stands now."""
        mine = self._begin()
        snapshot = self.use(lambda: store.read(name=self._name), on_failure=None)
        if snapshot is None:
            return UNKNOWN
        self._keep(snapshot, look=mine, for_s=REFRESH_EVERY_S)
        return snapshot

    def change(self, act: Callable[[], bool]) -> bool:
        """Return whether `act` changed the row, and look at what it is now; False if the database cannot be used."""
        is_changed = self.use(act, on_failure=None)
        if is_changed is not None:
            self.refresh()
        return bool(is_changed)

    def use(self, act: Callable[[], T], *, on_failure: S) -> T | S:
        """Return what `act`, which uses the store, returns; if the database cannot be used, be blind for a while and return `blind`.

        Whether or not it fails, a transaction around it stays whole.
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
        self._keep(UNKNOWN, look=self._begin(), for_s=FAIL_OPEN_S)
        with self._lock:
            is_news = self._silent_until <= self._monotonic()
            if is_news:
                self._silent_until = self._monotonic() + WARN_EVERY_S
        if is_news:
            _log.warning("breaker %s: its row cannot be used, calls go through: %s", self._name, str(failure).strip())
        if not connection.in_atomic_block:
            with suppress(Error):
                connection.close_if_unusable_or_obsolete()

    def _begin(self) -> int:
        with self._lock:
            self._looks += 1
            return self._looks

    def _keep(self, snapshot: CircuitSnapshot, *, look: int, for_s: float) -> None:
        """Remember what a look saw, unless one that began later has ended already."""
        with self._lock:
            if look < self._newest:
                return
            now = self._monotonic()
            self._seen, self._seen_at, self._look_again_at, self._newest = snapshot, now, now + for_s, look


def _counted_down(snapshot: CircuitSnapshot, *, passed_s: float) -> CircuitSnapshot:
    return snapshot if snapshot.left_s is None else replace(snapshot, left_s=snapshot.left_s - passed_s)
