"""When a breaker opens, for how long, and what does not open it."""

import pytest

from gdmarket.breaker import Policy
from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.harness import Clock, about, breaker_at, fail, refusal_of, state_of, succeed, succeed_after

pytestmark = pytest.mark.django_db


def test_half_of_ten_calls_failing_opens_it(breaker: Breaker) -> None:
    succeed(breaker, 5)
    fail(breaker, 4)
    assert state_of(breaker) is State.CLOSED
    fail(breaker)
    assert (breaker.state, breaker.open_for_s(), refusal_of(breaker)) == (State.OPEN, about(15), about(15))


def test_less_than_half_failing_leaves_it_closed(breaker: Breaker) -> None:
    for _ in range(20):
        succeed(breaker, 3)
        fail(breaker, 2)
    assert (breaker.state, breaker.open_for_s()) == (State.CLOSED, 0.0)


def test_eight_of_ten_slow_calls_open_it_though_all_succeed(breaker: Breaker, clock: Clock) -> None:
    succeed(breaker, 2)
    succeed_after(breaker, clock, seconds=1.75, times=7)
    assert state_of(breaker) is State.CLOSED
    succeed_after(breaker, clock, seconds=1.75)
    assert (breaker.state, refusal_of(breaker)) == (State.OPEN, about(15))


def test_a_call_of_exactly_the_threshold_is_not_slow(breaker: Breaker, clock: Clock) -> None:
    succeed_after(breaker, clock, seconds=1.5, times=20)
    assert state_of(breaker) is State.CLOSED


@pytest.mark.parametrize(("seconds", "state"), [(29, State.OPEN), (30, State.CLOSED)])
def test_failures_count_for_thirty_seconds(breaker: Breaker, clock: Clock, seconds: int, state: State) -> None:
    fail(breaker, 9)
    clock.pass_s(seconds)
    fail(breaker)
    assert state_of(breaker) is state


def test_the_window_drops_old_seconds(breaker: Breaker, clock: Clock) -> None:
    for _ in range(300):
        fail(breaker)
        succeed(breaker, 2)
        clock.pass_s(1)
    assert (breaker.state, len(breaker._window._seconds)) == (State.CLOSED, 30)


@pytest.mark.parametrize("answer", [402, None, "card declined"])
def test_whatever_a_call_returns_is_a_success(breaker: Breaker, answer: object) -> None:
    assert [breaker.call(lambda: answer) for _ in range(50)] == [answer] * 50
    assert state_of(breaker) is State.CLOSED


def test_an_interrupted_call_is_not_counted(breaker: Breaker) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    for _ in range(50):
        with pytest.raises(KeyboardInterrupt):
            breaker.call(interrupt)
    fail(breaker, 9)
    assert state_of(breaker) is State.CLOSED


def test_a_refused_call_is_not_counted(breaker: Breaker) -> None:
    fail(breaker, 10)
    for _ in range(100):
        refusal_of(breaker)
    assert (breaker.state, breaker.open_for_s()) == (State.OPEN, about(15))


def test_the_wait_counts_down_and_ends(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 10)
    clock.pass_s(10)
    assert (breaker.open_for_s(), refusal_of(breaker)) == (about(5), about(5))
    clock.pass_s(5)
    assert breaker.open_for_s() == 0.0
    succeed(breaker)


@pytest.mark.parametrize(("asked_s", "waits_s"), [(42.0, 42), (86_400.0, 300)])
def test_one_failure_with_a_retry_after_opens_it_for_that_long_up_to_the_maximum(breaker: Breaker, asked_s: float, waits_s: int) -> None:
    fail(breaker, retry_after_s=asked_s)
    assert (breaker.state, refusal_of(breaker)) == (State.OPEN, about(waits_s))


@pytest.mark.parametrize("asked_s", [0.0, -5.0, float("nan")])
def test_a_retry_after_that_is_no_duration_is_ignored(breaker: Breaker, asked_s: float) -> None:
    fail(breaker, 9, retry_after_s=asked_s)
    assert state_of(breaker) is State.CLOSED
    fail(breaker, retry_after_s=asked_s)
    assert refusal_of(breaker) == about(15)


def test_each_opening_in_a_row_lasts_twice_as_long_up_to_five_minutes(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 10)
    waits = [refusal_of(breaker)]
    for _ in range(20):
        clock.pass_s(waits[-1])
        fail(breaker)
        waits.append(refusal_of(breaker))
    assert waits == [about(seconds) for seconds in (15, 30, 60, 120, 240, *[300] * 16)]


def test_the_wait_is_jittered_by_a_tenth(clock: Clock) -> None:
    waits = []
    for number in range(200):
        breaker = breaker_at(clock, policy=Policy(), name=f"provider {number}")
        fail(breaker, 10)
        waits.append(refusal_of(breaker))
    assert all(12 <= wait_s <= 16.5 for wait_s in waits)
    assert len({round(wait_s, 6) for wait_s in waits}) > 100
