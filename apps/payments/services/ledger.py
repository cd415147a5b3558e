"""The ledger: each sum is posted once, in the transaction that makes it true, and never changed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib import import_module
from uuid import UUID

from django.db import connections

from apps.payments import queries
from apps.payments.domain import ACCOUNTS, CHARGED, LedgerEntry, RefundState, charged_entry, refunded_entry
from apps.payments.models import Payment, Posting, Refund
from gdmarket import databases, ids
from gdmarket.prepared_writes import PreparedInsert

_INSERT = PreparedInsert(Posting)
_TRIGGERS = "apps.payments.migrations.0003_book_the_past"


def post_charge(payment: Payment, *, now: datetime) -> None:
    """Post that the item's manager earned the payment's sum, and that the provider took it for us, or the manager in cash."""
    taken = charged_entry(method=payment.method)
    _INSERT.run(_posting(payment, LedgerEntry.EARNED, now=now), _posting(payment, taken, now=now))


def post_refund_due(refund: Refund, *, now: datetime) -> None:
    """Post that a sum is owed to the renter, and no longer to the manager."""
    _post(refund.payment, LedgerEntry.REFUND_DUE, refund=refund, now=now)


def post_refunded(refund: Refund, *, now: datetime) -> None:
    """Post that the provider refunded a sum, or that the manager gives it back in cash."""
    _post(refund.payment, refunded_entry(method=refund.payment.method), refund=refund, now=now)


def post_missing(*, payment_id: UUID, now: datetime) -> None:
    """Post what of a payment is not posted yet: during an upgrade, a version without the ledger may run beside this one."""
    with databases.transaction_for("payments"):
        post_missing_locked(queries.get_payment(payment_id=payment_id, lock=True), now=now)


def post_missing_locked(payment: Payment, *, now: datetime) -> None:
    """Do as `post_missing` does, within a transaction in which the payment is locked."""
    refunds = list(payment.refunds.all())
    posted = set(payment.postings.values_list("entry", "refund_id"))
    missing = [(entry, refund) for entry, refund in _due_postings(payment, refunds) if (entry, refund and refund.id) not in posted]
    for entry, refund in missing:
        _post(payment, entry, refund=refund, now=now)
    if missing:
        payment.refund_due = sum(refund.amount for refund in refunds)
        payment.save(update_fields=["refund_due"])


@contextmanager
def guard_disabled() -> Iterator[None]:
    """Let postings be changed and deleted within the block, in one transaction, to empty a demo or test database.

    Other connections never see the trigger missing.
    """
    triggers, connection = import_module(_TRIGGERS), connections[databases.alias_for("payments")]
    with databases.transaction_for("payments"), connection.cursor() as cursor:
        for statement in triggers.UNGUARD[connection.vendor]:
            cursor.execute(statement)
        yield
        for statement in triggers.GUARD[connection.vendor]:
            cursor.execute(statement)


def _due_postings(payment: Payment, refunds: Sequence[Refund]) -> Iterator[tuple[LedgerEntry, Refund | None]]:
    if payment.state in CHARGED:
        yield from ((LedgerEntry.EARNED, None), (charged_entry(method=payment.method), None))
    for refund in refunds:
        yield LedgerEntry.REFUND_DUE, refund
        if refund.state == RefundState.REFUNDED:
            yield refunded_entry(method=payment.method), refund


def _post(payment: Payment, entry: LedgerEntry, *, refund: Refund | None = None, now: datetime) -> None:
    _INSERT.run(_posting(payment, entry, refund=refund, now=now))


def _posting(payment: Payment, entry: LedgerEntry, *, refund: Refund | None = None, now: datetime) -> Posting:
    debit, credit = ACCOUNTS[entry]
    return Posting(
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
