"""The ledger: each sum is written once, in the transaction that makes it true, and never changed."""

from datetime import datetime

from apps.payments.domain import ACCOUNTS, Entry
from apps.payments.models import Payment, Posting, Refund
from gdmarket import ids


def book_charge(payment: Payment, *, now: datetime) -> None:
    """Book that the item's manager earned the payment's sum, and that the provider took it for us."""
    _post(payment, Entry.EARNED, now=now)
    _post(payment, Entry.CHARGED, now=now)


def book_refund_due(refund: Refund, *, now: datetime) -> None:
    """Book that a sum is owed to the renter, and to the manager no more."""
    _post(refund.payment, Entry.REFUND_DUE, refund=refund, now=now)


def book_refunded(refund: Refund, *, now: datetime) -> None:
    """Book that the provider gave a sum back."""
    _post(refund.payment, Entry.REFUNDED, refund=refund, now=now)


def _post(payment: Payment, entry: Entry, *, refund: Refund | None = None, now: datetime) -> None:
    debit, credit = ACCOUNTS[entry]
    Posting.objects.create(
        id=ids.uuid7(),
        payment=payment,
        refund=refund,
        entry=entry,
        debit=debit,
        credit=credit,
        amount=refund.amount if refund else payment.amount,
        currency=payment.currency,
        posted_at=now,
    )
