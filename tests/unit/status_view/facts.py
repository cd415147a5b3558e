"""Facts of items, rentals and payments, for the status view to handle."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import UUIDField

from apps.items.events import ItemRegistered, ItemRevised
from apps.items.models import Item
from apps.payments.events import PaymentApproved, PaymentDeclined, PaymentRefunded
from apps.payments.models import Payment
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.events import (
    RentalCancelled,
    RentalHandedOver,
    RentalOverdue,
    RentalPaid,
    RentalPaymentFailed,
    RentalPaymentStarted,
    RentalRefundDue,
    RentalRequested,
    RentalReturned,
)
from apps.rentals.models import Rental
from apps.status_view import handlers
from apps.status_view.models import ItemStatus, RentalStatus
from apps.status_view.services import projecting
from gdmarket import bus, ids
from gdmarket.prepared import Prepared, among
from tests.factories.items import rental_fact

Fact = TypeVar("Fact")

NOON = datetime(2036, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


class ItemFacts:
    """An item, whose facts follow each other."""

    def __init__(self, *, manager_id: UUID | None = None, **public: Any) -> None:
        self.id = ids.uuid7()
        self.manager_id = manager_id or ids.uuid7()
        self._public: dict[str, Any] = {
            "item_id": self.id,
            "manager_id": self.manager_id,
            "name": "충전 드릴",
            "category": "공구",
            "place": "성수역",
            "latitude": 37.5446,
            "longitude": 127.0559,
            "daily_price": 8_000,
            "deposit": 30_000,
            "currency": "KRW",
            "state": "listed",
            "version": 0,
            **public,
        }

    def then(self, kind: Callable[..., Fact], *, at: datetime = NOON, **changes: Any) -> Fact:
        """Return the next fact, with these changes."""
        self._public |= {"version": self._public["version"] + 1, **changes}
        return kind(**self._public, occurred_at=at)


class RentalFacts:
    """A rental, whose facts follow each other."""

    def __init__(self, item: ItemFacts, *, renter_id: UUID | None = None, starts_at: datetime = NOON + DAY, **public: Any) -> None:
        self.id = ids.uuid7()
        public |= {"item_name": "충전 드릴", "renter_id": renter_id or ids.uuid7(), "manager_id": item.manager_id, "starts_at": starts_at}
        public = {"requested_at": NOON, "payment_due_at": NOON + timedelta(minutes=15)} | public
        self._public = asdict(rental_fact(RentalSnapshot, item_id=item.id, rental_id=self.id, version=0, **public))

    def then(self, kind: Callable[..., Fact], *, at: datetime = NOON, **changes: Any) -> Fact:
        """Return the next fact, with these changes."""
        particulars = {name: changes.pop(name) for name in ("reason", "method", "changed") if name in changes}
        self._public |= {"version": self._public["version"] + 1, "occurred_at": at, **changes}
        return kind(**self._public, **particulars)

    def pays(self, payment_id: UUID, *, at: datetime = NOON) -> list[Any]:
        return [
            self.then(RentalPaymentStarted, at=at, state="paying", payment_id=payment_id, payment_state="pending", method="pm_ok"),
            payment_fact(PaymentApproved, rental=self, payment_id=payment_id, at=at),
            self.then(RentalPaid, at=at, state="paid", payment_state="approved", paid_at=at),
        ]

    def fails_to_pay(self, payment_id: UUID, *, at: datetime = NOON) -> list[Any]:
        return [
            self.then(RentalPaymentStarted, at=at, state="paying", payment_id=payment_id, payment_state="pending", method="pm_declined"),
            payment_fact(PaymentDeclined, rental=self, payment_id=payment_id, at=at),
            self.then(RentalPaymentFailed, at=at, state="requested", payment_state="declined", reason="no funds"),
        ]

    def is_refunded(self, payment_id: UUID, *, at: datetime = NOON) -> list[Any]:
        return [
            self.then(RentalRefundDue, at=at, state="refunding", cancel_requested=True, reason="rain"),
            payment_fact(PaymentRefunded, rental=self, payment_id=payment_id, at=at),
            self.then(RentalCancelled, at=at, state="cancelled", payment_state="refunded", paid_at=None, closed_at=at, reason="rain"),
        ]


_PAYMENTS: dict[Callable[..., Any], dict[str, Any]] = {
    PaymentApproved: {"state": "approved", "version": 2},
    PaymentDeclined: {"state": "declined", "version": 2, "reason": "no funds"},
    PaymentRefunded: {"state": "refunded", "version": 3, "refunded": 8_000},
}


def payment_fact(kind: Callable[..., Fact], *, rental: RentalFacts, payment_id: UUID, at: datetime = NOON, **more: Any) -> Fact:
    public: dict[str, Any] = {"payer_id": ids.uuid7(), "amount": 8_000, "refunded": 0, "currency": "KRW", "reason": ""}
    return kind(**{**public, "rental_id": rental.id, "payment_id": payment_id, "occurred_at": at, **_PAYMENTS[kind], **more})


def whole_market() -> list[Any]:
    """Return the facts of two items: one returned late and requested again, one paid at the second attempt and cancelled."""
    drill, tent = ItemFacts(name="드릴"), ItemFacts(name="텐트")
    late = RentalFacts(drill)
    called_off = RentalFacts(tent)
    waiting = RentalFacts(drill, starts_at=NOON + 5 * DAY)
    first, second, third = ids.uuid7(), ids.uuid7(), ids.uuid7()
    return [
        drill.then(ItemRegistered),
        tent.then(ItemRegistered),
        late.then(RentalRequested),
        *late.pays(first),
        called_off.then(RentalRequested, at=NOON + timedelta(minutes=1)),
        *called_off.fails_to_pay(second, at=NOON + timedelta(minutes=2)),
        drill.then(ItemRevised, at=NOON + timedelta(minutes=3), daily_price=9_000),
        *called_off.pays(third, at=NOON + timedelta(minutes=4)),
        *called_off.is_refunded(third, at=NOON + timedelta(minutes=5)),
        late.then(RentalHandedOver, at=NOON + DAY, state="rented", handed_over_at=NOON + DAY),
        waiting.then(RentalRequested, at=NOON + DAY),
        late.then(RentalOverdue, at=NOON + 2 * DAY, overdue=True),
        late.then(RentalReturned, at=NOON + 3 * DAY, state="returned", overdue=False, returned_at=NOON + 3 * DAY, closed_at=NOON + 3 * DAY),
    ]


def deliver(*facts: Any) -> None:
    for fact in facts:
        handlers.on_facts([fact])


def record(*facts: Any) -> None:
    """Write each fact to its owner's row and to the event log, in a transaction of its own."""
    for fact in facts:
        with transaction.atomic():
            _own(fact)
            bus.publish(fact, stream=_stream(fact))


def rows() -> dict[str, dict[str, Any]]:
    """Return every row by kind and id, without `revision`; items' rows without `updated_at` too."""
    items = {f"item:{row['id']}": _without(row, names={"revision", "updated_at"}) for row in ItemStatus.objects.values()}
    rentals = {f"rental:{row['id']}": _without(row, names={"revision"}) for row in RentalStatus.objects.values()}
    return items | rentals


def _without(row: Mapping[str, Any], *, names: set[str]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def item_row(item: ItemFacts) -> ItemStatus:
    return ItemStatus.objects.get(id=item.id)


def rental_row(rental: RentalFacts) -> RentalStatus:
    return RentalStatus.objects.get(id=rental.id)


def timeline_of(rental: RentalFacts) -> list[str]:
    return [entry["fact"] for entry in rental_row(rental).timeline]


def _stream(fact: Any) -> str:
    kind = _kind(fact)
    return f"{kind}:{getattr(fact, f'{kind}_id')}"


def _kind(fact: Any) -> str:
    return next(kind for kind, owner in _OWNERS.items() if type(fact).__module__ == f"apps.{owner}.events")


_OWNERS = {"item": "items", "rental": "rentals", "payment": "payments"}


def _own(fact: Any) -> None:
    columns = asdict(fact)
    row_id, at = columns.pop(f"{_kind(fact)}_id"), columns.pop("occurred_at")
    match _kind(fact):
        case "item":
            del columns["thumbnail"]  # of the photos
            columns |= {"registered_at": NOON, "updated_at": at, "description": columns.get("description") or ""}
            Item.objects.update_or_create(id=row_id, defaults=columns)
        case "rental":
            columns["payment_state"] = fact.payment_state or ""
            columns["cancelled_by"] = fact.cancelled_by or ""
            for name in columns.keys() & {"overdue", "reason", "method", "changed"}:
                del columns[name]
            Rental.objects.update_or_create(id=row_id, defaults=columns)
        case "payment":
            columns |= {"method": "pm_ok", "created_at": NOON, "settled_at": at, "refund_due": fact.refunded}
            Payment.objects.update_or_create(id=row_id, defaults=columns)


def lock_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the projection read its rows without the locks that it takes."""
    among_ids = among("id", "ids", UUIDField())
    unlocked = {model: Prepared(model.objects.filter(among_ids).values()) for model in (ItemStatus, RentalStatus)}
    monkeypatch.setattr(projecting, "_LOCKED", unlocked)
