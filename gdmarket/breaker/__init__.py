"""Circuit breaker: stop calling a dependency that fails, say when to retry, and try it again with a few probes.

    answer = breaker.of("payments").call(lambda: provider.charge(…))

A call fails by raising an `Exception`; whatever it returns, a declined card included, is a success. Each process counts its own calls; the
state is one database row per dependency, shared by all processes. While that row cannot be read or written, calls go through (fail-open).

This package can be imported before Django's apps are loaded; `of` cannot be called before.
"""

import threading
import time
from typing import TYPE_CHECKING

from gdmarket.breaker.errors import OpenError
from gdmarket.breaker.policy import Clock, Policy

if TYPE_CHECKING:
    from gdmarket.breaker.breaker import Breaker

__all__ = ["OpenError", "Policy", "declare", "declared", "of", "reset"]

_breakers: dict[str, "Breaker"] = {}
_declared: set[str] = set()
_lock = threading.Lock()
_clock: Clock = time.monotonic


def declare(name: str) -> str:
    """Register a dependency, so that operators see it before it ever failed; return its name."""
    _declared.add(name)
    return name


def declared() -> frozenset[str]:
    """Return the names of all declared dependencies."""
    return frozenset(_declared)


def of(name: str) -> "Breaker":
    """Return this process's breaker for the dependency `name`."""
    from gdmarket.breaker.breaker import Breaker  # noqa: PLC0415  # its model needs Django's apps

    with _lock:
        if name not in _breakers:
            _breakers[name] = Breaker(name=name, monotonic=_clock)
        return _breakers[name]


def reset(*, monotonic: Clock = time.monotonic) -> None:
    """Drop this process's breakers with their counts and caches; new ones read `monotonic`, in seconds. For tests; the rows stay."""
    global _clock  # noqa: PLW0603  # one registry a process is the point
    with _lock:
        _breakers.clear()
        _clock = monotonic
