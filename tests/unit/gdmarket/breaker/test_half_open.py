"""How a breaker closes again: two probes, a deadline, and no effect of results from older generations."""

from collections.abc import Callable

import pytest

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.harness import Clock, ProviderError, about, die, fail, refusal_of, state_of, succeed, succeed_after

pytestmark = pytest.mark.django_db


def fail_after(breaker: Breaker, act: Callable[[], object]) -> None:
    """Make a call during which `act` happens and which then fails."""

    def call() -> None:
        act()
        raise ProviderError

    with pytest.raises(ProviderError):
        breaker.call(call)


def test_two_successful_probes_close_it_and_reset_its_counts(expired: Breaker) -> None:
    succeed(expired)
    assert state_of(expired) is State.HALF_OPEN
    succeed(expired)
    assert (expired.state, expired.open_for_s()) == (State.CLOSED, 0.0)
    fail(expired, 9)
    assert state_of(expired) is State.CLOSED
    fail(expired)
    assert refusal_of(expired) == about(15)


def test_a_failed_probe_opens_it_again_for_twice_as_long(expired: Breaker) -> None:
    succeed(expired)
    fail(expired)
    assert (expired.state, refusal_of(expired)) == (State.OPEN, about(30))


def test_a_slow_probe_opens_it_again(expired: Breaker, clock: Clock) -> None:
    succeed_after(expired, clock, seconds=1.75)
    assert (expired.state, refusal_of(expired)) == (State.OPEN, about(30))


def test_a_retry_after_of_a_probe_is_obeyed(expired: Breaker) -> None:
    fail(expired, retry_after_s=7.0)
    assert refusal_of(expired) == about(7)


@pytest.mark.parametrize("others_succeed", [0, 1])
def test_probes_that_do_not_return_are_given_up_after_ten_seconds(expired: Breaker, clock: Clock, others_succeed: int) -> None:
    for _ in range(2 - others_succeed):
        die(expired)
    succeed(expired, others_succeed)
    assert refusal_of(expired) == about(10)
    clock.pass_s(5)
    assert refusal_of(expired) == about(5)
    clock.pass_s(5)
    succeed(expired, 2)
    assert state_of(expired) is State.CLOSED


def test_however_often_probes_die_others_still_get_a_permit(expired: Breaker, clock: Clock) -> None:
    for _ in range(50):
        die(expired)
        die(expired)
        clock.pass_s(10)
    succeed(expired, 2)
    assert state_of(expired) is State.CLOSED


def test_an_interrupted_probe_gives_its_permit_back(expired: Breaker) -> None:
    def leave() -> None:
        raise SystemExit

    for _ in range(10):
        with pytest.raises(SystemExit):
            expired.call(leave)
    succeed(expired, 2)
    assert state_of(expired) is State.CLOSED


def test_a_probe_that_returns_after_its_deadline_decides_nothing(expired: Breaker, clock: Clock) -> None:
    def outlive_the_deadline() -> None:
        die(expired)
        clock.pass_s(10)
        succeed(expired)

    fail_after(expired, outlive_the_deadline)

    assert state_of(expired) is State.HALF_OPEN
    succeed(expired)
    assert state_of(expired) is State.CLOSED


def test_a_failure_from_before_it_opened_does_not_open_it_again(breaker: Breaker, clock: Clock) -> None:
    def outlive_a_recovery() -> None:
        fail(breaker, 10)
        clock.pass_s(15)
        succeed(breaker, 2)
        fail(breaker, 9)

    fail_after(breaker, outlive_a_recovery)

    assert state_of(breaker) is State.CLOSED
    fail(breaker)
    assert state_of(breaker) is State.OPEN


def test_a_success_from_before_it_opened_does_not_close_it(breaker: Breaker) -> None:
    breaker.call(lambda: fail(breaker, 10))
    assert (breaker.state, refusal_of(breaker)) == (State.OPEN, about(15))


def test_a_success_from_before_it_opened_is_no_probe(breaker: Breaker, clock: Clock) -> None:
    def outlive_an_opening() -> None:
        fail(breaker, 10)
        clock.pass_s(15)
        succeed(breaker)

    breaker.call(outlive_an_opening)

    assert state_of(breaker) is State.HALF_OPEN
    succeed(breaker)
    assert state_of(breaker) is State.CLOSED
