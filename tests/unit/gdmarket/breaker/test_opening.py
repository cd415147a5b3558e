"""When a breaker opens, for how long, and what does not open it."""

import pytest

from gdmarket.breaker import Policy
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.bench import Clock, about, breaker_at, fail, refuse, stands, succeed, take

pytestmark = pytest.mark.django_db


def test_half_of_ten_calls_failing_opens_it() -> None:
    breaker = breaker_at(Clock())
    succeed(breaker, 5)
    fail(breaker, 4)
    assert stands(breaker) is State.CLOSED
    fail(breaker)
    assert (breaker.state, breaker.open_for_s(), refuse(breaker)) == (State.OPEN, about(15), about(15))


def test_nine_failures_alone_are_too_few_to_judge_by() -> None:
    breaker = breaker_at(Clock())
    fail(breaker, 9)
    assert (breaker.state, breaker.open_for_s()) == (State.CLOSED, 0.0)


def test_less_than_half_failing_leaves_it_closed() -> None:
    breaker = breaker_at(Clock())
    for _ in range(20):
        succeed(breaker, 3)
        fail(breaker, 2)
    assert (breaker.state, breaker.open_for_s()) == (State.CLOSED, 0.0)


def test_eight_of_ten_slow_calls_open_it_though_all_succeed() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    succeed(breaker, 2)
    take(breaker, clock, seconds=1.75, times=7)
    assert stands(breaker) is State.CLOSED
    take(breaker, clock, seconds=1.75)
    assert (breaker.state, refuse(breaker)) == (State.OPEN, about(15))


def test_a_call_of_exactly_the_threshold_is_not_slow() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    take(breaker, clock, seconds=1.5, times=20)
    assert stands(breaker) is State.CLOSED


@pytest.mark.parametrize(("seconds", "state"), [(29, State.OPEN), (30, State.CLOSED)])
def test_failures_count_for_thirty_seconds(seconds: int, state: State) -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    fail(breaker, 9)
    clock.pass_s(seconds)
    fail(breaker)
    assert stands(breaker) is state


def test_the_window_forgets_calls_one_second_after_another() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    for _ in range(300):
        fail(breaker)
        succeed(breaker, 2)
        clock.pass_s(1)
    assert (breaker.state, len(breaker._window._seconds)) == (State.CLOSED, 30)


@pytest.mark.parametrize("answer", [402, 404, 409, None, "card declined"])
def test_an_answer_is_a_success_whatever_it_says(answer: object) -> None:
    breaker = breaker_at(Clock())
    assert [breaker.call(lambda: answer) for _ in range(50)] == [answer] * 50
    assert stands(breaker) is State.CLOSED


def test_a_caller_that_is_interrupted_tells_nothing_of_the_dependency() -> None:
    breaker = breaker_at(Clock())
    for _ in range(50):
        with pytest.raises(KeyboardInterrupt):
            breaker.call(_interrupt)
    fail(breaker, 9)
    assert stands(breaker) is State.CLOSED


def test_a_refused_call_is_not_counted() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    fail(breaker, 10)
    for _ in range(100):
        refuse(breaker)
    assert (breaker.state, breaker.open_for_s()) == (State.OPEN, about(15))


def test_the_wait_counts_down_and_ends() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    fail(breaker, 10)
    clock.pass_s(10)
    assert (breaker.open_for_s(), refuse(breaker)) == (about(5), about(5))
    clock.pass_s(5)
    assert breaker.open_for_s() == 0.0
    succeed(breaker)


def test_a_single_failure_that_asks_to_wait_is_obeyed_at_once() -> None:
    breaker = breaker_at(Clock())
    fail(breaker, retry_after_s=42.0)
    assert (breaker.state, refuse(breaker)) == (State.OPEN, about(42))


def test_a_wish_to_wait_for_days_is_obeyed_for_the_longest_time_of_the_policy() -> None:
    breaker = breaker_at(Clock())
    fail(breaker, retry_after_s=86_400.0)
    assert refuse(breaker) == about(300)


@pytest.mark.parametrize("wish_s", [0.0, -5.0, float("nan")])
def test_a_wish_that_names_no_time_is_a_failure_like_others(wish_s: float) -> None:
    breaker = breaker_at(Clock())
    fail(breaker, 9, retry_after_s=wish_s)
    assert stands(breaker) is State.CLOSED
    fail(breaker, retry_after_s=wish_s)
    assert refuse(breaker) == about(15)


def test_each_opening_in_a_row_lasts_twice_as_long_up_to_five_minutes() -> None:
    clock = Clock()
    breaker = breaker_at(clock)
    fail(breaker, 10)
    waits = [refuse(breaker)]
    for _ in range(20):
        clock.pass_s(waits[-1])
        fail(breaker)
        waits.append(refuse(breaker))
    assert waits == [about(seconds) for seconds in (15, 30, 60, 120, 240, *[300] * 16)]


def test_the_wait_is_spread_by_a_tenth_so_that_processes_do_not_come_back_together() -> None:
    waits = []
    for number in range(200):
        breaker = breaker_at(Clock(), policy=Policy(), name=f"provider {number}")
        fail(breaker, 10)
        waits.append(refuse(breaker))
    assert all(12 <= wait_s <= 16.5 for wait_s in waits)
    assert len({round(wait_s, 6) for wait_s in waits}) > 100


def _interrupt() -> None:
    raise KeyboardInterrupt
