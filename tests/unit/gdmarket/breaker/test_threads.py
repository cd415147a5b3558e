"""A breaker in a server of many threads: no call waits for another, and there are never more than two probes."""

import time
from contextlib import suppress
from threading import Barrier

import pytest

from gdmarket import breaker as breakers
from gdmarket.breaker import OpenError
from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.harness import PATIENCE_S, Clock, ProviderError, about, fail, in_threads, state_of, succeed

pytestmark = pytest.mark.django_db(transaction=True)


def test_ten_calls_that_wait_for_one_another_all_end() -> None:
    breaker = Breaker(name="provider", monotonic=time.monotonic)
    meeting = Barrier(10)
    met = in_threads(lambda: breaker.call(lambda: meeting.wait(PATIENCE_S)), threads=10)
    assert sorted(met, key=str) == list(range(10))


def test_exactly_two_of_fifty_threads_are_permitted_to_probe(expired: Breaker) -> None:
    decided = Barrier(50)

    def call() -> None:
        try:
            expired.call(lambda: decided.wait(PATIENCE_S))
        except OpenError:
            decided.wait(PATIENCE_S)
            raise

    answers = in_threads(call, threads=50)

    assert [answer for answer in answers if answer is None] == [None, None]
    assert len([answer for answer in answers if isinstance(answer, OpenError)]) == 48
    assert state_of(expired) is State.CLOSED


def test_a_thousand_failures_at_once_open_it_once(breaker: Breaker, clock: Clock) -> None:
    def fail_call() -> None:
        raise ProviderError

    def fail_often() -> None:
        for _ in range(50):
            with suppress(OpenError, ProviderError):
                breaker.call(fail_call)

    in_threads(fail_often, threads=20)
    assert (breaker.state, breaker.open_for_s()) == (State.OPEN, about(15))
    clock.pass_s(15)
    succeed(breaker, 2)
    assert state_of(breaker) is State.CLOSED


def test_no_call_of_many_threads_goes_uncounted(breaker: Breaker) -> None:
    in_threads(lambda: succeed(breaker, 200), threads=10)
    assert [second.calls for second in breaker._window._seconds.values()] == [2_000]


def test_all_threads_share_the_breaker_of_a_name() -> None:
    breakers.reset()
    found = in_threads(lambda: breakers.of("provider"), threads=20)
    assert len({id(breaker) for breaker in found}) == 1
    assert breakers.of("another") is not breakers.of("provider")


def test_a_reset_drops_every_breaker_and_sets_the_clock_but_keeps_the_rows(clock: Clock) -> None:
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
