"""The ledger: each sum is written once, in the transaction that makes it true, and never changed."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID

from apps.payments import queries
from apps.payments.domain import ACCOUNTS, CHARGED, LedgerEntry, RefundState
from apps.payments.models import Payment, Posting, Refund
from gdmarket import databases, ids


def post_charge(payment: Payment, *, now: datetime) -> None:
    """Book that the item's manager earned the payment's sum, and that the provider took it for us."""
    _post(payment, LedgerEntry.EARNED, now=now)
    _post(payment, LedgerEntry.CHARGED, now=now)


def post_refund_due(refund: Refund, *, now: datetime) -> None:
    """Book that a sum is owed to the renter, and to the manager no more."""
    _post(refund.payment, LedgerEntry.REFUND_DUE, refund=refund, now=now)


def post_refunded(refund: Refund, *, now: datetime) -> None:
    """Book that the provider gave a sum back."""
    _post(refund.payment, LedgerEntry.REFUNDED, refund=refund, now=now)


def post_missing(*, payment_id: UUID, now: datetime) -> None:
    """Book what of a payment is not booked yet: while an upgrade goes on, a version from before the ledger runs beside us."""
    with databases.transaction_for("payments"):
        post_missing_locked(queries.get_payment(payment_id=payment_id, lock=True), now=now)


def post_missing_locked(payment: Payment, *, now: datetime) -> None:
    """Do as `book_late` does, within a transaction in which the payment is locked."""
    refunds = list(payment.refunds.all())
    posted = set(payment.postings.values_list("entry", "refund_id"))
    lacking = [(entry, refund) for entry, refund in _true_entries(payment, refunds) if (entry, refund and refund.id) not in posted]
    for entry, refund in lacking:
        _post(payment, entry, refund=refund, now=now)
    if lacking:
        payment.refund_due = sum(refund.amount for refund in refunds)
        payment.save(update_fields=["refund_due"])


def _true_entries(payment: Payment, refunds: Sequence[Refund]) -> Iterator[tuple[LedgerEntry, Refund | None]]:
    if payment.state in CHARGED:
        yield from ((LedgerEntry.EARNED, None), (LedgerEntry.CHARGED, None))
    for refund in refunds:
        yield LedgerEntry.REFUND_DUE, refund
        if refund.state == RefundState.REFUNDED:
            yield LedgerEntry.REFUNDED, refund


def _post(payment: Payment, entry: LedgerEntry, *, refund: Refund | None = None, now: datetime) -> None:
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
