"""How a breaker tries again: two probes, a deadline, and no heed to news of the past."""

from collections.abc import Callable

import pytest

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.bench import Clock, ProviderError, about, breaker_at, fail, refuse, stands, succeed, take

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tried(clock: Clock) -> Breaker:
    """Return a breaker that was open and may now be tried again."""
    breaker = breaker_at(clock)
    fail(breaker, 10)
    clock.pass_s(15)
    return breaker


def during(breaker: Breaker, act: Callable[[], object]) -> None:
    """Make a successful call during which `act` happens."""
    breaker.call(act)


def die(breaker: Breaker) -> None:
    """Take a permit and never come back, as a process that is killed does."""
    breaker._permit()


def test_two_good_probes_close_it_and_the_past_is_forgotten(tried: Breaker) -> None:
    succeed(tried)
    assert stands(tried) is State.HALF_OPEN
    succeed(tried)
    assert (tried.state, tried.open_for_s()) == (State.CLOSED, 0.0)
    fail(tried, 9)
    assert stands(tried) is State.CLOSED
    fail(tried)
    assert refuse(tried) == about(15)


def test_one_bad_probe_opens_it_again_for_longer(tried: Breaker) -> None:
    succeed(tried)
    fail(tried)
    assert (tried.state, refuse(tried)) == (State.OPEN, about(30))


def test_a_slow_probe_is_a_bad_one(tried: Breaker, clock: Clock) -> None:
    take(tried, clock, seconds=1.75)
    assert (tried.state, refuse(tried)) == (State.OPEN, about(30))


def test_a_probe_that_is_asked_to_wait_waits_as_long(tried: Breaker) -> None:
    fail(tried, retry_after_s=7.0)
    assert refuse(tried) == about(7)


def test_beside_two_probes_nobody_gets_through(tried: Breaker) -> None:
    waits: list[float] = []
    during(tried, lambda: during(tried, lambda: waits.extend(refuse(tried) for _ in range(5))))
    assert waits == [about(10)] * 5
    assert stands(tried) is State.CLOSED


def test_probers_that_die_are_given_up_after_ten_seconds(tried: Breaker, clock: Clock) -> None:
    die(tried)
    die(tried)
    assert refuse(tried) == about(10)
    clock.pass_s(5)
    assert refuse(tried) == about(5)
    clock.pass_s(5)
    succeed(tried, 2)
    assert stands(tried) is State.CLOSED


def test_one_prober_that_dies_does_not_wedge_it(tried: Breaker, clock: Clock) -> None:
    die(tried)
    succeed(tried)
    assert refuse(tried) == about(10)
    clock.pass_s(10)
    succeed(tried, 2)
    assert stands(tried) is State.CLOSED


def test_probers_may_die_for_ever_and_others_still_get_their_turn(tried: Breaker, clock: Clock) -> None:
    for _ in range(50):
        die(tried)
        die(tried)
        clock.pass_s(10)
    succeed(tried, 2)
    assert stands(tried) is State.CLOSED


def test_an_interrupted_probe_gives_its_place_back(tried: Breaker) -> None:
    for _ in range(10):
        with pytest.raises(SystemExit):
            tried.call(_leave)
    succeed(tried, 2)
    assert stands(tried) is State.CLOSED


def test_a_probe_that_comes_back_after_its_deadline_decides_nothing(tried: Breaker, clock: Clock) -> None:
    def outlive_the_deadline() -> None:
        die(tried)
        clock.pass_s(10)
        succeed(tried)
        raise ProviderError

    with pytest.raises(ProviderError):
        tried.call(outlive_the_deadline)

    assert stands(tried) is State.HALF_OPEN
    succeed(tried)
    assert stands(tried) is State.CLOSED


def test_a_failure_from_before_it_opened_does_not_open_it_again(clock: Clock) -> None:
    breaker = breaker_at(clock)

    def outlive_a_recovery() -> None:
        fail(breaker, 10)
        clock.pass_s(15)
        succeed(breaker, 2)
        fail(breaker, 9)
        raise ProviderError

    with pytest.raises(ProviderError):
        breaker.call(outlive_a_recovery)

    assert stands(breaker) is State.CLOSED
    fail(breaker)
    assert stands(breaker) is State.OPEN


def test_a_success_from_before_it_opened_does_not_close_it(clock: Clock) -> None:
    breaker = breaker_at(clock)
    during(breaker, lambda: fail(breaker, 10))
    assert (breaker.state, refuse(breaker)) == (State.OPEN, about(15))


def test_a_success_from_before_it_opened_is_no_probe(clock: Clock) -> None:
    breaker = breaker_at(clock)

    def come_back_while_it_is_tried() -> None:
        fail(breaker, 10)
        clock.pass_s(15)
        succeed(breaker)

    during(breaker, come_back_while_it_is_tried)

    assert stands(breaker) is State.HALF_OPEN
    succeed(breaker)
    assert stands(breaker) is State.CLOSED


def _leave() -> None:
    raise SystemExit
