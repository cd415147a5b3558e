"""What the bench loads in bulk is what the market itself would have written."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from apps.items.models import BusyPeriod, Item
from apps.rentals.models import Listing, Rental
from bench import stories
from bench.bus.backlog import Backlog, waiting
from bench.rebuild import loading
from gdmarket import bus
from gdmarket.bus.models import Delivery, Event, Subscription
from tests.factories.accounts import UserFactory
from tests.unit.status_view.commands import check, rebuild
from tests.unit.status_view.story import ItemTale

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2036, 5, 1, 12, tzinfo=UTC)


def _facts() -> list[Any]:
    item = ItemTale()
    story = stories.rental_story(item=item, renter_id=item.manager_id, starts_at=NOW, requested_at=NOW, end="returned")
    return [stories.registered(item, at=NOW), *story]


def _rows(model: type[Event | Delivery], *, but: set[str]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name not in but} for row in model.objects.order_by("pk").values()]


def _written() -> list[list[dict[str, Any]]]:
    events = _rows(Event, but={"seq", "id", "correlation", "traceparent"})
    return [events, _rows(Delivery, but={"id", "event_id", "not_before", "created_at"})]


def test_loaded_facts_and_deliveries_are_the_rows_that_publishing_writes(settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"
    Subscription.objects.exclude(subscriber=stories.SUBSCRIBER).delete()
    facts = _facts()
    for fact in facts:
        with transaction.atomic():
            bus.publish(fact, stream=stories.stream_of(fact)[0])
    published = _written()
    Delivery.objects.all().delete()
    Event.objects.all().delete()

    stories.write_log(facts)
    stories.write_deliveries(after_seq=0, not_before=NOW)

    assert _written() == published


def test_a_backlog_waits_for_the_status_view_and_is_delivered_in_full() -> None:
    backlog = Backlog(deliveries=12)
    backlog.prepare()

    backlog.refill()

    assert waiting() == 12 + stories.FACTS_A_RENTAL
    assert bus.run_until_idle() == 12 + stories.FACTS_A_RENTAL
    assert not Delivery.objects.exists()


def test_a_loaded_market_agrees_with_its_log_and_its_view_is_rebuilt_from_nothing(people: type[UserFactory]) -> None:
    renter = people()

    assert loading.load_market(rentals=25, renters=[renter.email], managers=[]) == 2

    rebuild()
    assert check()[0] == 0
    assert Rental.objects.count() == BusyPeriod.objects.count() == 25
    assert Listing.objects.count() == Item.objects.count() == 2
    assert Event.objects.filter(type="rentals.RentalReturned").count() == Rental.objects.filter(state="returned").count() == 20
    assert not Delivery.objects.exists()
