"""Whether the threads of this relay still make progress: kept in memory, for the liveness probe that restarts the process."""

from collections.abc import Iterable
from time import monotonic

# The longest a healthy thread is busy with one delivery is what a payment provider may take, about 20 s with its look-ups.
HANGS_AFTER_S = 30.0


class Watchdog:
    """When each thread of a relay last finished a step. Waiting for an unreachable database counts as progress."""

    def __init__(self, *, subscribers: Iterable[str]) -> None:
        """Start now, so that a thread that never finishes its first step is found too."""
        self._last_reset_s = dict.fromkeys(subscribers, monotonic())

    def reset(self, *, subscriber: str) -> None:
        """Record that a subscriber's thread is about to take its next step."""
        self._last_reset_s[subscriber] = monotonic()

    def hanging(self) -> list[str]:
        """Return the subscribers whose thread has not finished a step for 30 s, sorted."""
        now_s = monotonic()
        return sorted(subscriber for subscriber, reset_s in self._last_reset_s.items() if now_s - reset_s > HANGS_AFTER_S)
