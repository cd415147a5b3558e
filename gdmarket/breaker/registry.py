"""Which breakers there are: one a dependency in each process, all of them looking at the same row."""

import threading
import time

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.policy import Clock

_breakers: dict[str, Breaker] = {}
_lock = threading.Lock()
_clock: Clock = time.monotonic


def of(name: str) -> Breaker:
    """Return the one breaker of this process for the dependency `name`."""
    with _lock:
        if name not in _breakers:
            _breakers[name] = Breaker(name=name, monotonic=_clock)
        return _breakers[name]


def reset(*, monotonic: Clock = time.monotonic) -> None:
    """Forget what this process knows of its calls and saw of the rows; breakers made from now on go by `monotonic`, in seconds. For tests.

    The rows stay: a dependency that is open is open still.
    """
    global _clock  # noqa: PLW0603  # one registry a process is the point
    with _lock:
        _breakers.clear()
        _clock = monotonic
