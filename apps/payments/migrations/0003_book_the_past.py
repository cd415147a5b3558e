"""Book what was charged and given back before there was a ledger, and let nobody change the ledger.

What is posted already is left as it is, so that going back and forth does no harm. Until now a refund was always in full. Who a payment
was for stands in the event that began it, as long as the log keeps that.
"""

from typing import Any, ClassVar
from uuid import uuid5

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from django.db.models import F

_CHUNK = 1000
_ACCOUNTS = {
    "earned": ("renter_receivable", "manager_payable"),
    "charged": ("provider_clearing", "renter_receivable"),
    "refund_due": ("manager_payable", "refunds"),
    "refunded": ("refunds", "provider_clearing"),
}

_POSTGRESQL = (
    """
    CREATE FUNCTION payments_posting_stands() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'payments_posting_stands' USING ERRCODE = 'restrict_violation';
    END $$
    """,
    """
    CREATE TRIGGER payments_posting_stands BEFORE UPDATE OR DELETE ON payments_posting
    FOR EACH ROW EXECUTE FUNCTION payments_posting_stands()
    """,
)
_SQLITE = (
    *(
        f"""
        CREATE TRIGGER IF NOT EXISTS payments_posting_stands_{when.lower()} BEFORE {when} ON payments_posting
        BEGIN
            SELECT RAISE(ABORT, 'payments_posting_stands');
        END
        """
        for when in ("UPDATE", "DELETE")
    ),
    # INSERT OR REPLACE deletes without a word. The plus keeps the index of refunds out of it: without statistics SQLite takes that one, and
    # reads every posting that is of no refund.
    """
    CREATE TRIGGER IF NOT EXISTS payments_posting_stands_insert BEFORE INSERT ON payments_posting
    WHEN EXISTS (
        SELECT 1 FROM payments_posting
        WHERE id = NEW.id OR (payment_id = NEW.payment_id AND entry = NEW.entry AND +refund_id IS NEW.refund_id)
    )
    BEGIN
        SELECT RAISE(ABORT, 'payments_posting_stands');
    END
    """,
)
GUARD = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}
UNGUARD = {
    "postgresql": ("DROP TRIGGER payments_posting_stands ON payments_posting", "DROP FUNCTION payments_posting_stands"),
    "sqlite": tuple(f"DROP TRIGGER IF EXISTS payments_posting_stands_{when}" for when in ("update", "delete", "insert")),
}


def book_the_past(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Fill in what payments of before lack, and post them."""
    alias = schema_editor.connection.alias
    payments = apps.get_model("payments", "Payment").objects.using(alias)
    events = apps.get_model("bus", "Event").objects.using(alias)
    for started in events.filter(type="rentals.RentalPaymentStarted").order_by("seq").iterator(_CHUNK):
        payments.filter(id=started.payload["payment_id"]).update(payee_id=started.payload["manager_id"])
    payments.filter(refunds__isnull=False).update(refund_due=F("amount"))
    posting, postings = apps.get_model("payments", "Posting"), apps.get_model("payments", "Posting").objects.using(alias)
    charged = payments.filter(state__in=["approved", "refunded"]).order_by("id").prefetch_related("refunds")
    posted: list[Any] = []
    for payment in charged.iterator(_CHUNK):
        for entry, refund, at in _past_of(payment):
            debit, credit = _ACCOUNTS[entry]
            posted.append(
                posting(
                    id=uuid5(refund.id if refund else payment.id, entry),
                    payment=payment,
                    refund=refund,
                    entry=entry,
                    debit=debit,
                    credit=credit,
                    amount=payment.amount,
                    currency=payment.currency,
                    posted_at=at,
                )
            )
        if len(posted) >= _CHUNK:
            postings.bulk_create(posted, ignore_conflicts=True)
            posted.clear()
    postings.bulk_create(posted, ignore_conflicts=True)


def _past_of(payment: Any) -> list[tuple[str, Any, Any]]:
    past = [("earned", None, payment.settled_at), ("charged", None, payment.settled_at)]
    for refund in payment.refunds.all():
        past.append(("refund_due", refund, refund.created_at))
        if refund.state == "refunded":
            past.append(("refunded", refund, refund.settled_at))
    return past


def add_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Refuse every change of a posting, and its deletion."""
    for statement in GUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def drop_guard(_apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Allow them again."""
    for statement in UNGUARD[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """The past, booked; and from here on the ledger only grows."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("payments", "0002_ledger"), ("bus", "0001_initial")]

    operations: ClassVar[list[migrations.RunPython]] = [
        migrations.RunPython(book_the_past, migrations.RunPython.noop),
        migrations.RunPython(add_guard, drop_guard),
    ]
