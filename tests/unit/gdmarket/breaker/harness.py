"""Clocks, calls, threads and outages for tests of the breaker."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, local
from typing import Any

import pytest
from django.db import connection

from gdmarket.breaker import OpenError, Policy
from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import CircuitSnapshot, State
from tests.passing_time import pull_breakers

PATIENCE_S = 30.0
# Every duration is exact.
STEADY = Policy(jitter=0.0)
# For tests with real processes, which wait for it.
FAST = Policy(open_s=0.3, longest_open_s=1.0, probe_deadline_s=2.0)


def about(seconds: float) -> Any:
    """Return a value equal to a wait of so many seconds, up to 2 of which may have passed by the database's clock."""
    return pytest.approx(seconds, abs=2)


class Clock:
    """A process's monotonic clock, in seconds. `pass_s` alone moves it, and shifts the rows as far, whose clock is the database's."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds
        pull_breakers(timedelta(seconds=seconds))


class ProviderError(Exception):
    """The dependency failed; `retry_after_s` is what it asked for, if it did."""

    def __init__(self, *, retry_after_s: float | None = None) -> None:
        self.retry_after_s = retry_after_s
        super().__init__("provider failed")


class WatchedBreaker(Breaker):
    """Remembers, in each thread, the snapshot that permitted the last call."""

    _permits = local()

    @property
    def permit(self) -> CircuitSnapshot:
        permit: CircuitSnapshot = self._permits.last
        return permit

    def _permit(self, *, counts_as_success: bool = True) -> CircuitSnapshot:
        self._permits.last = super()._permit(counts_as_success=counts_as_success)
        return self.permit


def breaker_at(clock: Callable[[], float], *, policy: Policy = STEADY, name: str = "provider") -> Breaker:
    """Return the breaker of a process; another of the same name is another process's."""
    return Breaker(name=name, monotonic=clock, policy=policy)


def state_of(breaker: Breaker) -> State:
    """Return the state: mypy believes that the property keeps its value."""
    return breaker.state


def succeed(breaker: Breaker, times: int = 1, *, counts_as_success: bool = True) -> None:
    for _ in range(times):
        assert breaker.call(lambda: "answer", counts_as_success=counts_as_success) == "answer"


def succeed_after(breaker: Breaker, clock: Clock, *, seconds: float, times: int = 1) -> None:
    for _ in range(times):
        breaker.call(lambda: clock.pass_s(seconds))


def fail(breaker: Breaker, times: int = 1, *, retry_after_s: float | None = None, **options: Any) -> None:
    def raise_error() -> None:
        raise ProviderError(retry_after_s=retry_after_s)

    for _ in range(times):
        with pytest.raises(ProviderError):
            breaker.call(raise_error, **options)


def die(breaker: Breaker) -> None:
    """Take a permit and never return, as a process that is killed does."""
    breaker._permit()


def refusal_of(breaker: Breaker, *, counts_as_success: bool = True) -> float:
    """Assert that the breaker refuses without calling; return its `retry_after_s`."""
    called: list[bool] = []
    with pytest.raises(OpenError) as refusal:
        breaker.call(lambda: called.append(True), counts_as_success=counts_as_success)
    assert called == []
    return refusal.value.retry_after_s


def in_threads(act: Callable[[], object], *, threads: int) -> list[object]:
    """Run `act` in as many threads at once; return the results, refusals and failures included."""
    start = Barrier(threads)

    def run(_: int) -> object:
        start.wait(PATIENCE_S)
        try:
            return act()
        except (OpenError, ProviderError) as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=threads) as pool:
        return list(pool.map(run, range(threads)))


@contextmanager
def without_database() -> Iterator[None]:
    """Let connections fail."""
    settings = connection.settings_dict
    was = dict(settings)
    connection.close()
    settings.update({"HOST": "127.0.0.1", "PORT": "1"} if connection.vendor == "postgresql" else {"NAME": "/nowhere/at/all.sqlite3"})
    try:
        yield
    finally:
        connection.close()
        settings.update(was)
