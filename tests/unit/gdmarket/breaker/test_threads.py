"""A breaker in a server of many threads: nobody waits for another's call, and never are there more than two probes."""

import time
from contextlib import suppress
from threading import Barrier, Lock

import pytest

from gdmarket import breaker as breakers
from gdmarket.breaker import OpenError
from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.bench import PATIENCE_S, Clock, ProviderError, about, breaker_at, fail, stands, succeed, together

pytestmark = pytest.mark.django_db(transaction=True)


class Counter:
    """A dependency that counts who is asking it at one time; each call takes `seconds`."""

    def __init__(self, *, seconds: float) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._now = self.most = self.calls = 0

    def __call__(self) -> None:
        with self._lock:
            self._now += 1
            self.calls += 1
            self.most = max(self.most, self._now)
        time.sleep(self._seconds)
        with self._lock:
            self._now -= 1


def test_ten_calls_at_once_run_beside_one_another() -> None:
    breaker = Breaker(name="provider", monotonic=time.monotonic)
    dependency = Counter(seconds=0.3)
    together(lambda: breaker.call(dependency), threads=10)
    assert (dependency.calls, dependency.most) == (10, 10)


def test_ten_calls_that_wait_for_one_another_all_end() -> None:
    breaker = Breaker(name="provider", monotonic=time.monotonic)
    meeting = Barrier(10)
    met = together(lambda: breaker.call(lambda: meeting.wait(PATIENCE_S)), threads=10)
    assert sorted(met, key=str) == list(range(10))


def test_while_calls_run_it_answers_how_it_stands() -> None:
    breaker = breaker_at(Clock())
    stood: list[tuple[State, float]] = []
    breaker.call(lambda: stood.append((breaker.state, breaker.open_for_s())))
    assert stood == [(State.CLOSED, 0.0)]


def test_exactly_two_of_fifty_threads_are_let_through_to_probe() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    fail(breaker, 10)
    clock.pass_s(15)
    decided = Barrier(50)

    def ask() -> None:
        try:
            breaker.call(lambda: decided.wait(PATIENCE_S))
        except OpenError:
            decided.wait(PATIENCE_S)
            raise

    answers = together(ask, threads=50)

    assert [answer for answer in answers if answer is None] == [None, None]
    assert len([answer for answer in answers if isinstance(answer, OpenError)]) == 48
    assert stands(breaker) is State.CLOSED


def test_a_thousand_failures_at_once_open_it_once() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    together(lambda: _try(breaker, times=50), threads=20)
    assert (breaker.state, breaker.open_for_s()) == (State.OPEN, about(15))
    clock.pass_s(15)
    succeed(breaker, 2)
    assert stands(breaker) is State.CLOSED


def test_no_call_of_many_threads_goes_uncounted() -> None:
    breaker = breaker_at(Clock())
    together(lambda: succeed(breaker, 200), threads=10)
    assert [second.calls for second in breaker._window._seconds.values()] == [2_000]


def test_all_threads_share_the_breaker_of_a_name() -> None:
    breakers.reset()
    found = together(lambda: breakers.of("provider"), threads=20)
    assert len({id(breaker) for breaker in found}) == 1
    assert breakers.of("another") is not breakers.of("provider")


def test_a_reset_forgets_every_breaker_and_sets_the_clock_and_what_is_open_is_open_still() -> None:
    clock = Clock()
    breakers.reset(monotonic=clock)
    try:
        before = breakers.of("provider")
        fail(before, 1, retry_after_s=20.0)
        clock.pass_s(5)
        assert breakers.of("provider").open_for_s() == about(15)
    finally:
        breakers.reset()
    assert breakers.of("provider") is not before
    assert breakers.of("provider").open_for_s() == about(15)


def _try(breaker: Breaker, *, times: int) -> None:
    for _ in range(times):
        with suppress(OpenError, ProviderError):
            breaker.call(_fail)


def _fail() -> None:
    raise ProviderError
