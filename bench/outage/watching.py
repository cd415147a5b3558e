"""What is seen from outside while it goes on: the breaker's row, and the calls that reach the provider."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from django.db import connection

from gdmarket.breaker.models import Circuit, State
from tests.fake_provider import FakeProcess

_LOOK_S = 0.1


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """One look: when, in seconds from the beginning; the breaker's state; all calls to the provider since its start, and the charges."""

    at_s: float
    state: str
    calls: int
    charges: int


class Watcher:
    """Looks ten times a second, in a thread of its own."""

    def __init__(self, *, fake: FakeProcess, began: float) -> None:
        self._fake = fake
        self._began = began
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.looks: list[Seen] = []

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()

    def wait_for(self, seen: Callable[[list[Seen]], bool], *, until_s: float) -> None:
        """Wait until something was seen, or until so many seconds from the beginning."""
        while not seen(self.looks) and time.monotonic() - self._began < until_s:
            time.sleep(_LOOK_S)

    def _watch(self) -> None:
        try:
            while not self._over.wait(_LOOK_S):
                row = Circuit.objects.filter(name="payments").first()
                stats = self._fake.stats()
                self.looks.append(
                    Seen(
                        at_s=time.monotonic() - self._began,
                        state=row.state if row else State.CLOSED,
                        calls=stats["calls_in_all"],
                        charges=stats["calls"].get("charge", 0),
                    )
                )
        finally:
            connection.close()
