"""Which databases did not answer a moment ago, as this process found: so that nobody waits for one that another has just waited for."""

import threading
from time import monotonic

_SHORTEST_S, _PATIENCE = 1.0, 4


class UnreachableDatabases:
    """Remembers for a second that a database did not answer, or for four times as long as it let somebody wait."""

    def __init__(self) -> None:
        """Know of none."""
        self._until: dict[str, float] = {}
        self._lock = threading.Lock()

    def remaining_s(self, alias: str) -> float:
        """Return for how long it is still held to be away, in seconds; 0.0 where it may be asked."""
        return max(0.0, self._until.get(alias, 0.0) - monotonic())

    def add(self, alias: str, *, waited_s: float) -> bool:
        """Note that it did not answer; say whether that is news."""
        with self._lock:
            is_news = alias not in self._until
            self._until[alias] = monotonic() + max(_SHORTEST_S, _PATIENCE * waited_s)
        return is_news

    def discard(self, alias: str) -> bool:
        """Note that it answers; say whether that is news."""
        with self._lock:
            return self._until.pop(alias, None) is not None
