"""What managers earned, as rows of the ledger, and what `money_report` prints of it."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management import call_command
from django.test import Client

from apps.payments.models import Payment
from apps.payments.services import refunding
from gdmarket.ids import uuid7
from tests.factories.items import ItemFactory
from tests.factories.payments import PaymentFactory, RefundFactory

NOON = datetime(2026, 11, 15, 3, tzinfo=UTC)
NOVEMBER = datetime(2026, 10, 31, 15, tzinfo=UTC)  # it begins in Seoul, 9 hours ahead
DAY, MOMENT = timedelta(days=1), timedelta(microseconds=1)
FIGURES = ("payments", "earned", "given_back", "cash", "net")


def open_income(person: Any, address: str = "", language: str = "en") -> Any:
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    return client.get(f"/admin/income/{address}")


def pay(manager: Any, *, item_id: UUID | None = None, amount: int = 10_000, at: datetime = NOON, **columns: Any) -> Payment:
    payment: Payment = PaymentFactory(
        state="approved", payee_id=manager.pk, item_id=item_id or uuid7(), amount=amount, created_at=at, **columns
    )
    return payment


def give_back(payment: Payment, amount: int, *, at: datetime = NOON) -> None:
    refund = RefundFactory(payment=payment, amount=amount, created_at=at)
    if payment.method == "cash":
        refunding.send_refund(refund_id=refund.id, now=at)


def reported(manager: Any, month: str) -> tuple[int, ...]:
    out = io.StringIO()
    call_command("money_report", "--month", month, "--json", stdout=out)
    rows = [row for row in json.loads(out.getvalue())["managers"] if row["manager_id"] == str(manager.pk)]
    return tuple(rows[0][name] for name in FIGURES) if rows else (0,) * len(FIGURES)


def lend_for_two_months(manager: Any) -> None:
    """Card and cash, parts and all given back, in the month of the payment and in the next, up to its first moment."""
    drill, tent = (ItemFactory(manager_id=manager.pk, name=name, category=kind) for name, kind in (("드릴", "공구"), ("텐트", "캠핑")))
    last_moment = NOVEMBER - MOMENT
    give_back(pay(manager, item_id=drill.pk, amount=12_345, at=NOVEMBER - 9 * DAY), 2_345, at=NOVEMBER - 8 * DAY)
    cancelled = pay(manager, item_id=drill.pk, amount=30_000, at=last_moment)
    give_back(cancelled, 10_000, at=last_moment)
    give_back(cancelled, 20_000, at=NOVEMBER)
    pay(manager, item_id=tent.pk, amount=7_000, at=NOVEMBER, method="cash")
    give_back(pay(manager, item_id=tent.pk, amount=9_000, at=last_moment, method="cash"), 4_000, at=NOVEMBER + DAY)
    pay(manager, item_id=tent.pk, amount=50_000, at=NOVEMBER + 2 * DAY)
