"""A market with a past: items, rentals and payments in their owners' tables, and in the log the facts that made them so."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from apps.accounts.models import User
from apps.items import domain as items_domain
from apps.items.events import ItemRegistered
from apps.items.models import BusyPeriod, Item
from apps.payments.events import PaymentApproved
from apps.payments.models import Payment
from apps.rentals.events import RentalExpired, RentalHandedOver, RentalRequested, RentalReturned
from apps.rentals.models import Listing, Rental
from bench import bulk, stories
from gdmarket import ids
from gdmarket.bus.models import Event
from tests.unit.status_view.story import DAY, ItemTale

# What became of an item's rentals, one a day: most are over, one is out today, some are to come.
_ENDS = (*("returned",) * 15, "rented", "paid", "paid", "requested", "expired")
_HOLDS = {"requested": "reserved", "paid": "reserved", "rented": "rented"}
_ITEMS_AT_ONCE = 500
_OTHER_RENTERS, _OTHER_MANAGERS = 1000, 50

_LISTING = ("item_id", "manager_id", "name", "daily_price", "currency", "withdrawn", "version")
_ITEM = (
    *("id", "manager_id", "name", "description", "category", "daily_price", "deposit", "currency", "latitude", "longitude", "place"),
    *("state", "availability", "search_text", "version", "registered_at", "updated_at", "withdrawn_at"),
)
_BUSY = ("rental_id", "item_id", "starts_at", "ends_at", "hold", "version")
_TOLD_OF_RENTAL = (
    *("item_id", "item_name", "renter_id", "manager_id", "starts_at", "ends_at", "price", "currency", "state", "payment_due_at"),
    *("payment_id", "cancel_requested", "version", "requested_at", "paid_at", "handed_over_at", "returned_at", "closed_at"),
)
_RENTAL = ("id", *_TOLD_OF_RENTAL, "payment_state", "cancel_reason", "operation", "began_at")
_PAYMENT = (
    *("id", "rental_id", "payer_id", "amount", "currency", "method", "state", "reason", "provider_reference"),
    *("refund_due", "refunded", "checks", "version", "created_at", "asked_at", "settled_at"),
)


def load_market(*, rentals: int, renters: Sequence[str], managers: Sequence[str]) -> int:
    """Add so many rentals, by these people of the demo, named by their addresses, and many others; return how many items they are of."""
    now = datetime.now(UTC)
    everyone = [*_ids_of(renters), *(ids.uuid7() for _ in range(_OTHER_RENTERS))]
    every_manager = [*_ids_of(managers), *(ids.uuid7() for _ in range(_OTHER_MANAGERS))]
    items = [ItemTale(manager_id=every_manager[number % len(every_manager)]) for number in range(-(-rentals // len(_ENDS)))]
    left = iter(enumerate(items))
    while at_once := list(islice(left, _ITEMS_AT_ONCE)):
        told = [story for number, item in at_once for story in _stories(item, everyone, first=number * len(_ENDS), before=rentals, now=now)]
        _write([stories.registered(item, at=now - timedelta(days=30)) for _, item in at_once], told)
    bulk.settle(Event, Item, Listing, BusyPeriod, Rental, Payment)
    return len(items)


def _ids_of(emails: Sequence[str]) -> list[UUID]:
    return list(User.objects.filter(email__in=emails).values_list("id", flat=True))


def _stories(item: ItemTale, everyone: Sequence[UUID], *, first: int, before: int, now: datetime) -> list[list[Any]]:
    begins = now - DAY * _ENDS.index("rented") - DAY / 2
    return [
        stories.rental_story(
            item=item,
            renter_id=everyone[(first + day) % len(everyone)],
            starts_at=begins + DAY * day,
            requested_at=now if end == "requested" else min(begins + DAY * day, now) - timedelta(hours=1, seconds=first % 3600),
            end=end,
        )
        for day, end in enumerate(_ENDS[: before - first])
    ]


def _write(items: Sequence[ItemRegistered], told: Sequence[list[Any]]) -> None:
    stories.write_log([*items, *stories.side_by_side(told)])
    out = {_last_rental_fact(story).item_id for story in told if _last_rental_fact(story).state == "rented"}
    held = {_last_rental_fact(story).item_id for story in told if _last_rental_fact(story).state in _HOLDS} - out
    states = dict.fromkeys(held, "reserved") | dict.fromkeys(out, "rented")
    bulk.insert(model=Item, columns=_ITEM, rows=(_item(item, states.get(item.item_id, "available")) for item in items))
    bulk.insert(model=Listing, columns=_LISTING, rows=map(_listing, items))
    bulk.insert(model=Rental, columns=_RENTAL, rows=map(_rental, told))
    bulk.insert(model=BusyPeriod, columns=_BUSY, rows=map(_busy, told))
    approved = (fact for story in told for fact in story if isinstance(fact, PaymentApproved))
    bulk.insert(model=Payment, columns=_PAYMENT, rows=map(_payment, approved))


def _last_rental_fact(story: list[Any]) -> Any:
    return next(fact for fact in reversed(story) if not isinstance(fact, PaymentApproved))


def _item(fact: ItemRegistered, availability: str) -> tuple[Any, ...]:
    searched = items_domain.search_text(name=fact.name, category=fact.category, place=fact.place, description="")
    return (
        *(fact.item_id, fact.manager_id, fact.name, "", fact.category, fact.daily_price, fact.deposit, fact.currency),
        *(fact.latitude, fact.longitude, fact.place, fact.state, availability, searched, fact.version),
        *(fact.occurred_at, fact.occurred_at, None),
    )


def _listing(fact: ItemRegistered) -> tuple[Any, ...]:
    return fact.item_id, fact.manager_id, fact.name, fact.daily_price, fact.currency, False, fact.version


def _rental(story: list[Any]) -> tuple[Any, ...]:
    fact = _last_rental_fact(story)
    return (fact.rental_id, *(getattr(fact, name) for name in _TOLD_OF_RENTAL), fact.payment_state or "", "", None, None)


def _busy(story: list[Any]) -> tuple[Any, ...]:
    fact = next(fact for fact in reversed(story) if isinstance(fact, RentalRequested | RentalHandedOver | RentalReturned | RentalExpired))
    return fact.rental_id, fact.item_id, fact.starts_at, fact.ends_at, _HOLDS.get(fact.state, "over"), fact.version


def _payment(fact: PaymentApproved) -> tuple[Any, ...]:
    at = fact.occurred_at
    return (
        *(fact.payment_id, fact.rental_id, fact.payer_id, fact.amount, fact.currency, "pm_ok", fact.state, "", ""),
        *(fact.refunded, fact.refunded, 0, fact.version, at, at, at),
    )
