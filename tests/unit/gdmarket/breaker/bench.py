"""What a breaker is tried with: a clock that stands still, and calls that do as they are told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from gdmarket.breaker import OpenError, Policy
from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.passing_time import pull_breakers

PATIENCE_S = 30.0
# Every duration is exact.
STEADY = Policy(jitter=0.0)


def about(seconds: float) -> Any:
    """Return what equals a wait of so many seconds, some of which may have passed by the database's clock."""
    return pytest.approx(seconds, abs=2)


class Clock:
    """A process's monotonic clock, in seconds, that moves only when told to, and the database's with it, which never stands still."""

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


def breaker_at(clock: Callable[[], float], *, policy: Policy = STEADY, name: str = "provider") -> Breaker:
    """Return the breaker of a process; another of the same name is another process's."""
    return Breaker(name=name, monotonic=clock, policy=policy)


def stands(breaker: Breaker) -> State:
    """Return whether calls go through, anew each time."""
    return breaker.state


def succeed(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        assert breaker.call(lambda: "answer") == "answer"


def take(breaker: Breaker, clock: Clock, *, seconds: float, times: int = 1) -> None:
    """Make calls that succeed after `seconds`."""
    for _ in range(times):
        breaker.call(lambda: clock.pass_s(seconds))


def fail(breaker: Breaker, times: int = 1, *, retry_after_s: float | None = None) -> None:
    def raise_error() -> None:
        raise ProviderError(retry_after_s=retry_after_s)

    for _ in range(times):
        with pytest.raises(ProviderError):
            breaker.call(raise_error)


def refuse(breaker: Breaker, *, counts_as_success: bool = True) -> float:
    """See that the breaker refuses without calling; return when it says to come back, in seconds."""
    called: list[bool] = []
    with pytest.raises(OpenError) as refusal:
        breaker.call(lambda: called.append(True), counts_as_success=counts_as_success)
    assert called == []
    return refusal.value.retry_after_s


def together(act: Callable[[], object], *, threads: int) -> list[object]:
    """Let as many threads act at one moment; return what came of it, refusals and failures among it."""
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
