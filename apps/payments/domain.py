"""The rules of money: what a payment may become, how it is booked, and how patiently the provider is asked again."""

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


class Account(StrEnum):
    """The accounts of the ledger; a sum is debited to one and credited to another.

    What renters owe is a debit on `renter_receivable`; what the provider has taken for us a debit on `provider_clearing`; what we
    owe managers a credit on `manager_payable`; what we owe renters back a credit on `refunds`.
    """

    RENTER_RECEIVABLE = "renter_receivable"
    PROVIDER_CLEARING = "provider_clearing"
    MANAGER_PAYABLE = "manager_payable"
    REFUNDS = "refunds"


class LedgerEntry(StrEnum):
    """Why a sum was booked."""

    EARNED = "earned"
    CHARGED = "charged"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"


# (debit, credit) of each
ACCOUNTS: Mapping[LedgerEntry, tuple[Account, Account]] = {
    LedgerEntry.EARNED: (Account.RENTER_RECEIVABLE, Account.MANAGER_PAYABLE),
    LedgerEntry.CHARGED: (Account.PROVIDER_CLEARING, Account.RENTER_RECEIVABLE),
    LedgerEntry.REFUND_DUE: (Account.MANAGER_PAYABLE, Account.REFUNDS),
    LedgerEntry.REFUNDED: (Account.REFUNDS, Account.PROVIDER_CLEARING),
}

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

# The provider took the money; what was given back since is counted beside it.
CHARGED = (PaymentState.APPROVED, PaymentState.REFUNDED)

LONGEST_WAIT_S = 60.0


def as_reason(*, told: str) -> str:
    """Return a provider's reason as it is kept and shown: at most 100 characters, each on the line."""
    return _plain(told)[:100]


def as_reference(*, told: str) -> str:
    """Return a provider's own name for a thing as it is kept: at most 200 characters, each on the line."""
    return _plain(told)[:200]


def may_become(*, state: str, wanted: PaymentState) -> bool:
    """Say whether a payment in `state` may become `wanted`; a settled outcome never changes, however late an answer comes."""
    return wanted in NEXT[PaymentState(state)]


def wait_s(*, tries: int) -> float:
    """Return how long to wait after `tries` (1 or more) questions in vain: 1, 2, 4 … 60 seconds."""
    return min(2.0 ** min(tries - 1, 10), LONGEST_WAIT_S)


def _plain(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
