"""What a success is worth: some say that all is well, some say nothing, and some exceptions are answers."""

import pytest

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.bench import Clock, ProviderError, about, breaker_at, fail, refuse, stands, succeed

pytestmark = pytest.mark.django_db


class RequestRefusedError(Exception):
    """The dependency works, and does not want this; it may name a time."""

    retry_after_s = 30.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return breaker_at(clock)


@pytest.fixture
def tried(breaker: Breaker, clock: Clock) -> Breaker:
    """Return a breaker that was open and may now be tried again."""
    fail(breaker, 10)
    clock.pass_s(15)
    return breaker


def look_up(breaker: Breaker, times: int = 1) -> None:
    """Ask with success what says nothing of the rest."""
    for _ in range(times):
        assert breaker.call(lambda: "found", counts_as_success=False) == "found"


def be_refused(breaker: Breaker, times: int = 1) -> None:
    def refuse_request() -> None:
        raise RequestRefusedError

    for _ in range(times):
        with pytest.raises(RequestRefusedError):
            breaker.call(refuse_request, ignored_exceptions=(RequestRefusedError,))


def test_successes_that_do_not_count_do_not_outweigh_failures(breaker: Breaker) -> None:
    for _ in range(9):
        look_up(breaker, 10)
        fail(breaker)
    assert stands(breaker) is State.CLOSED
    fail(breaker)
    assert stands(breaker) is State.OPEN


def test_a_failure_counts_whatever_was_asked(breaker: Breaker) -> None:
    for _ in range(10):
        with pytest.raises(ProviderError):
            breaker.call(_fail, counts_as_success=False)
    assert stands(breaker) is State.OPEN


def test_a_probe_that_does_not_count_gives_its_place_to_another(tried: Breaker) -> None:
    look_up(tried, 10)
    assert stands(tried) is State.HALF_OPEN
    succeed(tried, 2)
    assert stands(tried) is State.CLOSED


def test_a_probe_that_fails_opens_it_whatever_was_asked(tried: Breaker) -> None:
    with pytest.raises(ProviderError):
        tried.call(_fail, counts_as_success=False)
    assert (stands(tried), refuse(tried)) == (State.OPEN, about(30))


def test_there_are_never_more_than_two_probes_whatever_is_asked(tried: Breaker) -> None:
    refused: list[float] = []
    tried.call(lambda: tried.call(lambda: refused.append(refuse(tried))), counts_as_success=False)
    assert refused == [about(10)]


def test_a_refused_request_is_a_success_and_goes_on_to_the_caller(breaker: Breaker) -> None:
    be_refused(breaker, 50)
    fail(breaker, 40)
    assert stands(breaker) is State.CLOSED


def test_two_probes_that_are_refused_close_it(tried: Breaker) -> None:
    be_refused(tried, 2)
    assert stands(tried) is State.CLOSED


def test_what_is_not_among_them_is_a_failure_still(breaker: Breaker) -> None:
    for _ in range(10):
        with pytest.raises(ProviderError):
            breaker.call(_fail, ignored_exceptions=(RequestRefusedError,))
    assert stands(breaker) is State.OPEN


def _fail() -> None:
    raise ProviderError


def test_what_says_nothing_leaves_a_permit_for_what_does(tried: Breaker) -> None:
    def charge_meanwhile() -> str:
        refuse(tried, counts_as_success=False)
        return tried.call(lambda: "charged")

    assert tried.call(charge_meanwhile) == "charged"
    assert stands(tried) is State.CLOSED
