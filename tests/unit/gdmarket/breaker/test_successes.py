"""Which successes count, and which exceptions are successes."""

from typing import Any

import pytest

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import State
from tests.unit.gdmarket.breaker.harness import about, fail, refusal_of, state_of, succeed

pytestmark = pytest.mark.django_db


class RequestRefusedError(Exception):
    """The dependency works, and refuses this request; its `retry_after_s` does not matter."""

    retry_after_s = 30.0


def be_refused(breaker: Breaker, times: int = 1) -> None:
    def refuse_request() -> None:
        raise RequestRefusedError

    for _ in range(times):
        with pytest.raises(RequestRefusedError):
            breaker.call(refuse_request, ignored_exceptions=(RequestRefusedError,))


def test_successes_that_do_not_count_do_not_outweigh_failures(breaker: Breaker) -> None:
    for _ in range(9):
        succeed(breaker, 10, counts_as_success=False)
        fail(breaker)
    assert state_of(breaker) is State.CLOSED
    fail(breaker)
    assert state_of(breaker) is State.OPEN


@pytest.mark.parametrize("options", [{"counts_as_success": False}, {"ignored_exceptions": (RequestRefusedError,)}])
def test_every_other_failure_counts(breaker: Breaker, options: dict[str, Any]) -> None:
    fail(breaker, 10, **options)
    assert state_of(breaker) is State.OPEN


def test_a_probe_that_does_not_count_gives_its_permit_back(expired: Breaker) -> None:
    succeed(expired, 10, counts_as_success=False)
    assert state_of(expired) is State.HALF_OPEN
    succeed(expired, 2)
    assert state_of(expired) is State.CLOSED


def test_a_probe_that_would_not_count_opens_it_when_it_fails(expired: Breaker) -> None:
    fail(expired, counts_as_success=False)
    assert (expired.state, refusal_of(expired)) == (State.OPEN, about(30))


def test_there_are_never_more_than_two_probes(expired: Breaker) -> None:
    refused: list[float] = []
    expired.call(lambda: expired.call(lambda: refused.append(refusal_of(expired))), counts_as_success=False)
    assert refused == [about(10)]


def test_a_call_that_does_not_count_leaves_a_permit_for_one_that_does(expired: Breaker) -> None:
    def charge_meanwhile() -> str:
        refusal_of(expired, counts_as_success=False)
        return expired.call(lambda: "charged")

    assert expired.call(charge_meanwhile) == "charged"
    assert state_of(expired) is State.CLOSED


def test_an_ignored_exception_is_a_success_and_is_raised_to_the_caller(breaker: Breaker) -> None:
    be_refused(breaker, 50)
    fail(breaker, 40)
    assert state_of(breaker) is State.CLOSED


def test_two_probes_with_ignored_exceptions_close_it(expired: Breaker) -> None:
    be_refused(expired, 2)
    assert state_of(expired) is State.CLOSED
