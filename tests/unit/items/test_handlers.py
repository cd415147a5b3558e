"""Facts of rentals, in any order and repeated."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.items import handlers
from apps.items.events import RentalRefused
from apps.items.models import BusyPeriod, Item
from apps.rentals.events import RentalCancelled, RentalExpired, RentalHandedOver, RentalRequested, RentalReturned
from gdmarket import ids
from tests.factories.items import BusyPeriodFactory, ItemFactory, rental_fact
from tests.log import recorded

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def _requested(item_id: UUID, rental_id: UUID) -> RentalRequested:
    return rental_fact(RentalRequested, item_id=item_id, rental_id=rental_id, version=1, starts_at=NOON)


def _handed_over(item_id: UUID, rental_id: UUID) -> RentalHandedOver:
    return rental_fact(RentalHandedOver, item_id=item_id, rental_id=rental_id, version=4, starts_at=NOON)


def _returned(item_id: UUID, rental_id: UUID) -> RentalReturned:
    return rental_fact(RentalReturned, item_id=item_id, rental_id=rental_id, version=5, starts_at=NOON)


def _availability(item: Item) -> str:
    item.refresh_from_db()
    return item.availability


def _refusals() -> list[Any]:
    return [told.event for told in recorded({RentalRefused})]


def test_a_requested_item_is_reserved_then_rented_then_available_again() -> None:
    item, rental_id = ItemFactory(), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    assert _availability(item) == "reserved"
    period = BusyPeriod.objects.get(rental_id=rental_id)
    assert (period.item_id, period.starts_at, period.ends_at, period.hold) == (item.id, NOON, NOON + timedelta(days=1), "reserved")
    handlers.on_rental_handed_over(_handed_over(item.id, rental_id))
    assert _availability(item) == "rented"
    handlers.on_rental_returned(_returned(item.id, rental_id))
    assert _availability(item) == "available"
    assert item.version == 1


def test_a_cancelled_rental_frees_the_period() -> None:
    item, rental_id = ItemFactory(), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    cancelled = rental_fact(RentalCancelled, item_id=item.id, rental_id=rental_id, version=2, starts_at=NOON, reason="changed my mind")
    handlers.on_rental_cancelled(cancelled)
    assert _availability(item) == "available"


def test_an_expired_rental_frees_the_period() -> None:
    item, rental_id = ItemFactory(), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    handlers.on_rental_expired(rental_fact(RentalExpired, item_id=item.id, rental_id=rental_id, version=2, starts_at=NOON))
    assert _availability(item) == "available"


def test_an_item_stays_reserved_while_another_rental_is_open() -> None:
    item, rental_id = ItemFactory(availability="reserved"), ids.uuid7()
    BusyPeriodFactory(item=item)
    handlers.on_rental_requested(_requested(item.id, rental_id))
    handlers.on_rental_handed_over(_handed_over(item.id, rental_id))
    assert _availability(item) == "rented"
    handlers.on_rental_returned(_returned(item.id, rental_id))
    assert _availability(item) == "reserved"


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_facts_in_any_order_and_repeated_have_the_same_effect(order: tuple[int, ...]) -> None:
    item, rental_id = ItemFactory(), ids.uuid7()
    told = [
        (handlers.on_rental_requested, _requested(item.id, rental_id)),
        (handlers.on_rental_handed_over, _handed_over(item.id, rental_id)),
        (handlers.on_rental_returned, _returned(item.id, rental_id)),
    ]
    for place in (*order, *order):
        handler, fact = told[place]
        handler(fact)  # type: ignore[operator]  # each handler with its own fact
    assert _availability(item) == "available"
    assert BusyPeriod.objects.get().hold == "over"
    assert _refusals() == []


def test_a_request_for_a_withdrawn_item_is_refused_and_holds_nothing() -> None:
    item, rental_id = ItemFactory(withdrawn=True), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    [refusal] = _refusals()
    assert (refusal.rental_id, refusal.item_id, refusal.reason) == (rental_id, item.id, "item_withdrawn")
    assert not BusyPeriod.objects.exists()
    assert _availability(item) == "available"


def test_a_request_for_an_unknown_item_is_refused() -> None:
    item_id, rental_id = ids.uuid7(), ids.uuid7()
    handlers.on_rental_requested(_requested(item_id, rental_id))
    [refusal] = _refusals()
    assert (refusal.rental_id, refusal.item_id, refusal.reason) == (rental_id, item_id, "item_unknown")


def test_later_facts_of_a_refused_rental_change_nothing() -> None:
    item, rental_id = ItemFactory(withdrawn=True), ids.uuid7()
    handlers.on_rental_requested(_requested(item.id, rental_id))
    cancelled = rental_fact(RentalCancelled, item_id=item.id, rental_id=rental_id, version=2, starts_at=NOON, reason="refused")
    handlers.on_rental_cancelled(cancelled)
    handlers.on_rental_requested(_requested(item.id, rental_id))
    assert len(_refusals()) == 1
    assert _availability(item) == "available"


def test_a_refusal_is_published_on_the_items_stream() -> None:
    item = ItemFactory(withdrawn=True)
    handlers.on_rental_requested(_requested(item.id, ids.uuid7()))
    [told] = recorded({RentalRefused})
    assert told.stream == f"item:{item.id}"
