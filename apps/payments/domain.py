"""The rules of money: how a payment may change, to which accounts it is posted, and how long to wait between calls to the provider."""

from collections.abc import Mapping
from enum import StrEnum

from apps.payments.contracts import CASH, AmountRefusal, RefusedAmount

# The smallest and the largest sum of a currency in minor units; None where there is no such limit.
Span = tuple[int | None, int | None]


class PaymentState(StrEnum):
    """The state of one attempt to collect the price of a rental."""

    PENDING = "pending"
    UNKNOWN = "unknown"
    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REFUNDED = "refunded"


class RefundState(StrEnum):
    """The state of a refund."""

    PENDING = "pending"
    REFUNDED = "refunded"


class Account(StrEnum):
    """The accounts of the ledger; a sum is debited to one and credited to another.

    What renters owe is a debit on `renter_receivable`; what the provider has taken for us a debit on `provider_clearing`, and what
    managers took in cash one on `manager_cash`; what we owe managers a credit on `manager_payable`; what we owe renters back a credit on
    `refunds`.
    """

    RENTER_RECEIVABLE = "renter_receivable"
    PROVIDER_CLEARING = "provider_clearing"
    MANAGER_CASH = "manager_cash"
    MANAGER_PAYABLE = "manager_payable"
    REFUNDS = "refunds"


class LedgerEntry(StrEnum):
    """Why a sum was posted."""

    EARNED = "earned"
    CHARGED = "charged"
    REFUND_DUE = "refund_due"
    REFUNDED = "refunded"
    CASH_TAKEN = "cash_taken"
    CASH_GIVEN = "cash_given"


# (debit, credit) of each
ACCOUNTS: Mapping[LedgerEntry, tuple[Account, Account]] = {
    LedgerEntry.EARNED: (Account.RENTER_RECEIVABLE, Account.MANAGER_PAYABLE),
    LedgerEntry.CHARGED: (Account.PROVIDER_CLEARING, Account.RENTER_RECEIVABLE),
    LedgerEntry.REFUND_DUE: (Account.MANAGER_PAYABLE, Account.REFUNDS),
    LedgerEntry.REFUNDED: (Account.REFUNDS, Account.PROVIDER_CLEARING),
    LedgerEntry.CASH_TAKEN: (Account.MANAGER_CASH, Account.RENTER_RECEIVABLE),
    LedgerEntry.CASH_GIVEN: (Account.REFUNDS, Account.MANAGER_CASH),
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

# The outcome is not known yet: only these are looked up at the provider.
UNSETTLED = (PaymentState.PENDING, PaymentState.UNKNOWN)
# The rental's money is, or may be, with the provider: no second attempt beside one of these.
HOLDING = (*UNSETTLED, PaymentState.APPROVED)

# The provider took the money; what was refunded since is counted separately.
CHARGED = (PaymentState.APPROVED, PaymentState.REFUNDED)

LONGEST_WAIT_S = 60.0


def charged_entry(*, method: str) -> LedgerEntry:
    """Return what is posted when a payment by `method` was taken."""
    return LedgerEntry.CASH_TAKEN if method == CASH else LedgerEntry.CHARGED


def refunded_entry(*, method: str) -> LedgerEntry:
    """Return what is posted when a payment by `method`, or a part of it, was given back."""
    return LedgerEntry.CASH_GIVEN if method == CASH else LedgerEntry.REFUNDED


def refused_by(*, span: Span, amount: int) -> RefusedAmount | None:
    """Return why a sum is outside of a span, or None if it is within."""
    smallest, largest = span
    if smallest is not None and amount < smallest:
        return RefusedAmount(reason=AmountRefusal.TOO_SMALL, limit=smallest)
    if largest is not None and amount > largest:
        return RefusedAmount(reason=AmountRefusal.TOO_LARGE, limit=largest)
    return None


def as_reason(*, text: str) -> str:
    """Return a provider's reason as it is stored and shown: at most 100 printable characters."""
    return _printable(text)[:100]


def as_reference(*, text: str) -> str:
    """Return a provider's own id for a thing as it is stored: at most 200 printable characters."""
    return _printable(text)[:200]


def may_become(*, state: str, wanted: PaymentState) -> bool:
    """Say whether a payment in `state` may become `wanted`; a settled outcome never changes, however late an answer comes."""
    return wanted in NEXT[PaymentState(state)]


def wait_s(*, tries: int) -> float:
    """Return how many seconds to wait after `tries` (1 or more) calls without an outcome: 1, 2, 4 … 60."""
    return min(2.0 ** min(tries - 1, 10), LONGEST_WAIT_S)


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
