"""A breaker on a clock that only the test moves."""

import pytest

from gdmarket.breaker.breaker import Breaker
from tests.unit.gdmarket.breaker.harness import Clock, breaker_at, fail


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return breaker_at(clock)


@pytest.fixture
def expired(breaker: Breaker, clock: Clock) -> Breaker:
    """Return a breaker that was open and may now begin to probe."""
    fail(breaker, 10)
    clock.pass_s(15)
    return breaker
