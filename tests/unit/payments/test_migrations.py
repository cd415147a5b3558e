"""The migration that creates the ledger posts what was charged before it, and can be reversed."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.migrations.state import StateApps

from apps.payments import queries
from apps.payments.models import Payment, Posting
from apps.rentals.events import RentalPaymentStarted
from gdmarket import ids
from tests.factories.items import rental_fact
from tests.factories.payments import PaymentFactory
from tests.migrating import migrate, newest
from tests.unit.payments.actions import balances, postings, publish
from tests.unit.payments.conftest import NOON

BEFORE = ("payments", "0001_initial")
LATER = NOON + timedelta(hours=1)
LATEST = NOON + timedelta(hours=2)
CHARGED = [("charged", 8_000), ("earned", 8_000)]
FULL = [*CHARGED, ("refund_due", 8_000), ("refunded", 8_000)]

pytestmark = pytest.mark.usefixtures("_migrated_afterwards")


@pytest.fixture
def _migrated_afterwards(transactional_db: None) -> Iterator[None]:
    yield
    migrate(newest("payments"))


def pay(old: StateApps, state: str, *, refund: str = "") -> UUID:
    """Record a payment as the version without the ledger did, settled an hour after noon unless it is unsettled."""
    is_open = state in {"pending", "unknown"}
    payment = old.get_model("payments", "Payment").objects.create(
        id=ids.uuid7(),
        rental_id=ids.uuid7(),
        payer_id=ids.uuid7(),
        amount=8_000,
        currency="KRW",
        method="pm_ok",
        state=state,
        refunded=8_000 if state == "refunded" else 0,
        created_at=NOON,
        settled_at=None if is_open else LATER,
    )
    if refund:
        old.get_model("payments", "Refund").objects.create(
            id=ids.uuid7(),
            payment=payment,
            amount=8_000,
            state=refund,
            created_at=LATER,
            settled_at=LATEST if refund == "refunded" else None,
        )
    payment_id: UUID = payment.id
    return payment_id


def start(payment_id: UUID) -> UUID:
    """Publish, as rentals did, that a payment started; return the item's manager."""
    fact: Any = rental_fact(RentalPaymentStarted, item_id=ids.uuid7(), rental_id=ids.uuid7(), version=2, starts_at=NOON, method="pm_ok")
    manager_id = ids.uuid7()
    publish(replace(fact, payment_id=payment_id, manager_id=manager_id), stream=f"rental:{fact.rental_id}")
    return manager_id


def test_payments_are_posted_and_get_the_payees_that_the_event_log_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_module("apps.payments.migrations.0003_book_the_past"), "_CHUNK", 2)
    old = migrate(BEFORE)
    kept, due, forgotten = pay(old, "approved"), pay(old, "approved", refund="pending"), pay(old, "approved")
    given = pay(old, "refunded", refund="refunded")
    uncharged = [pay(old, state) for state in ("pending", "unknown", "declined", "not_sent")]
    payees = {payment_id: start(payment_id) for payment_id in (kept, due, given, *uncharged)}

    migrate(newest("payments"))

    rows = {row.id: (row.payee_id, row.refund_due, row.refunded) for row in Payment.objects.all()}
    assert rows == {
        kept: (payees[kept], 0, 0),
        due: (payees[due], 8_000, 0),
        forgotten: (None, 0, 0),
        given: (payees[given], 8_000, 8_000),
        **{payment_id: (payees[payment_id], 0, 0) for payment_id in uncharged},
    }
    assert {payment_id: postings(payment_id) for payment_id in rows} == {
        kept: CHARGED,
        due: [*CHARGED, ("refund_due", 8_000)],
        forgotten: CHARGED,
        given: FULL,
        **{payment_id: [] for payment_id in uncharged},
    }
    assert balances() == {"manager_payable": -16_000, "provider_clearing": 24_000, "refunds": -8_000}


def test_postings_get_the_time_of_what_they_record() -> None:
    given = pay(migrate(BEFORE), "refunded", refund="refunded")

    migrate(newest("payments"))

    refund = Payment.objects.get().refunds.get()
    columns = ("entry", "debit", "credit", "refund_id", "currency", "posted_at")
    assert list(Posting.objects.filter(payment=given).order_by("entry").values_list(*columns)) == [
        ("charged", "provider_clearing", "renter_receivable", None, "KRW", LATER),
        ("earned", "renter_receivable", "manager_payable", None, "KRW", LATER),
        ("refund_due", "manager_payable", "refunds", refund.id, "KRW", LATER),
        ("refunded", "refunds", "provider_clearing", refund.id, "KRW", LATEST),
    ]
    assert queries.held_by_ledger(payment_ids=[given]) == {given: 0}
    with pytest.raises(DatabaseError, match="payments_posting_stands"), transaction.atomic():
        Posting.objects.all().delete()


def test_the_migration_can_be_reversed_and_repeated() -> None:
    old = migrate(BEFORE)
    pay(old, "approved")
    given = pay(old, "refunded", refund="refunded")
    before = list(old.get_model("payments", "Payment").objects.order_by("id").values())
    migrate(newest("payments"))

    old = migrate(BEFORE)

    assert list(old.get_model("payments", "Payment").objects.order_by("id").values()) == before
    assert "payments_posting" not in connection.introspection.table_names()
    migrate(newest("payments"))
    assert postings(given) == FULL


def test_the_ledger_stays_guarded_when_it_learns_of_cash_and_when_that_is_undone() -> None:
    payment_id = PaymentFactory(state="approved").id
    for target in (("payments", "0006_posting_guard_by_payment"), newest("payments")):
        migrate(target)
        with pytest.raises(DatabaseError, match="payments_posting_stands"), transaction.atomic():
            Posting.objects.filter(payment=payment_id).delete()
        assert postings(payment_id) == CHARGED
