"""Facts of rentals, in any order and repeated."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.items import handlers
from apps.items.events import RentalRefused
from apps.items.models import BusyPeriod, Item
from apps.rentals.events import (
    RentalCancelled,
    RentalExpired,
    RentalHandedOver,
    RentalNoShowRecorded,
    RentalRequested,
    RentalReturned,
    RentalReturnUndone,
)
from gdmarket import ids
from tests.factories.items import BusyPeriodFactory, Fact, ItemFactory, rental_fact
from tests.log import recorded

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _fact(kind: type[Fact], item_id: UUID, rental_id: UUID, version: int, **particulars: Any) -> Fact:
    return rental_fact(kind, item_id=item_id, rental_id=rental_id, version=version, starts_at=NOON, **particulars)


def _requested(item_id: UUID, rental_id: UUID) -> RentalRequested:
    return _fact(RentalRequested, item_id, rental_id, 1)


def _availability(item: Item) -> str:
    item.refresh_from_db()
    return item.availability


def test_a_requested_item_is_reserved_then_rented_then_available_again() -> None:
    item, rental_id = ItemFactory(), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    assert _availability(item) == "reserved"
    period = BusyPeriod.objects.get(rental_id=rental_id)
    assert (period.item_id, period.starts_at, period.ends_at, period.hold) == (item.id, NOON, NOON + timedelta(days=1), "reserved")
    handlers.on_rental_handed_over(_fact(RentalHandedOver, item.id, rental_id, 4))
    assert _availability(item) == "rented"
    handlers.on_rental_returned(_fact(RentalReturned, item.id, rental_id, 5))
    assert _availability(item) == "available"
    assert item.version == 1


def test_a_cancelled_or_expired_rental_frees_the_period() -> None:
    item, cancelled, expired = ItemFactory(), ids.uuid7(), ids.uuid7()
    for rental_id in (cancelled, expired):
        handlers.on_rental_requested(_requested(item.id, rental_id))
    handlers.on_rental_cancelled(_fact(RentalCancelled, item.id, cancelled, 2, reason="changed my mind"))
    assert _availability(item) == "reserved"
    handlers.on_rental_expired(_fact(RentalExpired, item.id, expired, 2))
    assert _availability(item) == "available"


def test_an_item_that_was_not_fetched_is_available_and_one_whose_return_was_a_mistake_is_out() -> None:
    item, fetched, forgotten = ItemFactory(), ids.uuid7(), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, forgotten))
    handlers.on_rental_no_show_recorded(_fact(RentalNoShowRecorded, item.id, forgotten, 4))
    assert _availability(item) == "available"
    handlers.on_rental_requested(_requested(item.id, fetched))
    handlers.on_rental_returned(_fact(RentalReturned, item.id, fetched, 5))
    handlers.on_rental_return_undone(_fact(RentalReturnUndone, item.id, fetched, 6))
    assert _availability(item) == "rented"
    handlers.on_rental_returned(_fact(RentalReturned, item.id, fetched, 5))  # a late repetition
    assert _availability(item) == "rented"


def test_an_item_stays_reserved_while_another_rental_is_open() -> None:
    item, rental_id = ItemFactory(availability="reserved"), ids.uuid7()
    BusyPeriodFactory(item=item)
    handlers.on_rental_requested(_requested(item.id, rental_id))
    handlers.on_rental_handed_over(_fact(RentalHandedOver, item.id, rental_id, 4))
    assert _availability(item) == "rented"
    handlers.on_rental_returned(_fact(RentalReturned, item.id, rental_id, 5))
    assert _availability(item) == "reserved"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_facts_in_any_order_and_repeated_have_the_same_effect(order: tuple[int, ...]) -> None:
    item, rental_id = ItemFactory(), ids.uuid7()
    facts = [
        (handlers.on_rental_requested, _requested(item.id, rental_id)),
        (handlers.on_rental_handed_over, _fact(RentalHandedOver, item.id, rental_id, 4)),
        (handlers.on_rental_returned, _fact(RentalReturned, item.id, rental_id, 5)),
    ]
    for place in (*order, *order):
        handler, fact = facts[place]
        handler(fact)  # type: ignore[operator]  # each handler with its own fact
    assert _availability(item) == "available"
    assert BusyPeriod.objects.get().hold == "over"
    assert recorded([RentalRefused]) == []


def test_a_request_for_a_withdrawn_item_is_refused_and_holds_nothing() -> None:
    item, rental_id = ItemFactory(withdrawn=True), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    [published] = recorded([RentalRefused])
    refusal = published.event
    assert (refusal.rental_id, refusal.item_id, refusal.reason) == (rental_id, item.id, "item_withdrawn")
    assert published.stream == f"item:{item.id}"
    assert not BusyPeriod.objects.exists()
    assert _availability(item) == "available"


def test_a_request_for_an_unknown_item_is_refused() -> None:
    item_id, rental_id = ids.uuid7(), ids.uuid7()
    handlers.on_rental_requested(_requested(item_id, rental_id))
    [published] = recorded([RentalRefused])
    assert (published.event.rental_id, published.event.reason) == (rental_id, "item_unknown")


def test_later_facts_of_a_refused_rental_change_nothing() -> None:
    item, rental_id = ItemFactory(withdrawn=True), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    handlers.on_rental_cancelled(_fact(RentalCancelled, item.id, rental_id, 2, reason="refused"))
    handlers.on_rental_requested(_requested(item.id, rental_id))
    assert len(recorded([RentalRefused])) == 1
    assert _availability(item) == "available"
