"""Circuit breaker: stop asking a dependency that fails, say when to come back, and try it again with a few probes.

    answer = breaker.of("payments").call(lambda: provider.charge(…))

A call fails by raising an `Exception`; whatever it returns, a declined card too, is a success. Each process judges by its own calls.
"""

import threading
import time

from gdmarket.breaker.circuit import Breaker, OpenError
from gdmarket.breaker.policy import Clock, Policy

__all__ = ["Breaker", "OpenError", "Policy", "of", "reset"]

_breakers: dict[str, Breaker] = {}
_registry_lock = threading.Lock()
_clock: Clock = time.monotonic


def of(name: str) -> Breaker:
    """Return the one breaker of this process for the dependency `name`."""
    with _registry_lock:
        if name not in _breakers:
            _breakers[name] = Breaker(name=name, monotonic=_clock)
        return _breakers[name]


def reset(*, monotonic: Clock = time.monotonic) -> None:
    """Forget every breaker; those made from now on go by `monotonic`, in seconds. For tests."""
    global _clock  # noqa: PLW0603  # one registry a process is the point
    with _registry_lock:
        _breakers.clear()
        _clock = monotonic
