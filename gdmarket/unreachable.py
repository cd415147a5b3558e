"""Databases that did not answer a moment ago, which the threads of a process then do not wait for again."""

import threading
from time import monotonic

_MIN_S, _FACTOR = 1.0, 4


class UnreachableDatabases:
    """Remembers a database for a second, or for four times as long as a thread waited for it."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def remaining_s(self, alias: str) -> float:
        """Return for how many more seconds it counts as unreachable; 0.0 if it may be tried."""
        return max(0.0, self._until.get(alias, 0.0) - monotonic())

    def add(self, alias: str, *, waited_s: float) -> bool:
        """Record that it did not answer; return whether it was reachable before."""
        with self._lock:
            is_new = alias not in self._until
            self._until[alias] = monotonic() + max(_MIN_S, _FACTOR * waited_s)
        return is_new

    def discard(self, alias: str) -> bool:
        """Record that it answers; return whether it was unreachable before."""
        with self._lock:
            return self._until.pop(alias, None) is not None
