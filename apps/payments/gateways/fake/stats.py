"""What the fake provider has seen: calls by kind, how many at once, webhooks by outcome."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from apps.payments.gateways.fake.faults import Call


class Stats:
    """Counters since the start. Safe across threads."""

    def __init__(self) -> None:
        self._calls: Counter[str] = Counter()
        self._webhooks: Counter[str] = Counter()
        self._in_flight = 0
        self._most_in_flight = 0
        self._lock = Lock()

    @contextmanager
    def in_flight(self, *, call: Call) -> Iterator[None]:
        """Count a call, and that it is under way."""
        with self._lock:
            self._calls[call] += 1
            self._in_flight += 1
            self._most_in_flight = max(self._most_in_flight, self._in_flight)
        try:
            yield
        finally:
            with self._lock:
                self._in_flight -= 1

    def count_webhook(self, *, outcome: str) -> None:
        """Count a webhook that was taken or given up."""
        with self._lock:
            self._webhooks[outcome] += 1

    def told(self) -> dict[str, Any]:
        """Return all counters."""
        with self._lock:
            return {
                "calls": dict(self._calls),
                "calls_in_all": self._calls.total(),
                "in_flight": self._in_flight,
                "most_in_flight": self._most_in_flight,
                "webhooks": dict(self._webhooks),
            }
