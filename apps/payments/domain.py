"""The rules of money: what a payment may become, and how patiently the provider is asked again."""

from collections.abc import Mapping
from enum import StrEnum


class PaymentState(StrEnum):
    """Where one attempt to collect the price of a rental stands."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REFUNDED = "refunded"


class RefundState(StrEnum):
    """Where giving the money back stands."""

    PENDING = "pending"
    REFUNDED = "refunded"


_OUTCOMES = frozenset({PaymentState.APPROVED, PaymentState.DECLINED, PaymentState.NOT_SENT})

NEXT: Mapping[PaymentState, frozenset[PaymentState]] = {
    PaymentState.PENDING: _OUTCOMES | {PaymentState.UNKNOWN},
    PaymentState.UNKNOWN: _OUTCOMES,
    PaymentState.APPROVED: frozenset({PaymentState.REFUNDED}),
    PaymentState.DECLINED: frozenset(),
    PaymentState.NOT_SENT: frozenset(),
    PaymentState.REFUNDED: frozenset(),
}

# The outcome is not known yet: the only states from which the provider is asked what happened.
UNSETTLED = (PaymentState.PENDING, PaymentState.UNKNOWN)
# The rental's money is, or may be, with the provider: no second attempt beside one of these.
HOLDING = (*UNSETTLED, PaymentState.APPROVED)

_LONGEST_WAIT_S = 60.0


def may_become(*, state: str, wanted: PaymentState) -> bool:
    """Say whether a payment in `state` may become `wanted`; a settled outcome never changes, however late an answer comes."""
    return wanted in NEXT[PaymentState(state)]


def wait_s(*, tries: int) -> float:
    """Return how long to wait after `tries` (1 or more) questions in vain: 1, 2, 4 … 60 seconds."""
    return min(2.0 ** min(tries - 1, 10), _LONGEST_WAIT_S)
