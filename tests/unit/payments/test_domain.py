"""The rules of money."""

import pytest

from apps.payments import domain
from apps.payments.domain import HOLDING, UNSETTLED, PaymentState

ALLOWED = {
    ("pending", "unknown"),
    ("pending", "approved"),
    ("pending", "declined"),
    ("pending", "not_sent"),
    ("unknown", "approved"),
    ("unknown", "declined"),
    ("unknown", "not_sent"),
    ("approved", "refunded"),
}


@pytest.mark.parametrize("state", PaymentState)
@pytest.mark.parametrize("wanted", PaymentState)
def test_what_a_payment_may_become(state: PaymentState, wanted: PaymentState) -> None:
    assert domain.may_become(state=state.value, wanted=wanted) is ((state.value, wanted.value) in ALLOWED)


def test_the_states_that_hold_money_or_are_unsettled() -> None:
    assert set(HOLDING) == {"pending", "unknown", "approved"}
    assert set(UNSETTLED) == {"pending", "unknown"}


def test_the_wait_between_calls_doubles_up_to_sixty_seconds() -> None:
    assert [domain.wait_s(tries=tries) for tries in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert domain.wait_s(tries=100_000) == 60
