"""Items and their busy periods, as rows."""

from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

import factory

from apps.items import domain
from apps.items.models import BusyPeriod, Item
from apps.items.services import blurred_place
from gdmarket import ids

Fact = TypeVar("Fact")


class ItemFactory(factory.django.DjangoModelFactory):
    """A listed item near Seoul's city hall, or one with `paused=True` or `withdrawn=True`."""

    class Meta:
        model = Item

    class Params:
        paused = factory.Trait(state=domain.ItemState.PAUSED, version=2)
        withdrawn = factory.Trait(state=domain.ItemState.WITHDRAWN, withdrawn_at=factory.LazyFunction(lambda: datetime.now(UTC)), version=2)

    id = factory.LazyFunction(ids.uuid7)
    manager_id = factory.LazyFunction(ids.uuid7)
    name = factory.Sequence(lambda n: f"전동 드릴 {n}")
    description = "18 V, 배터리 두 개"
    category = "공구"
    daily_price = 8_000
    deposit = 30_000
    latitude = 37.5663
    longitude = 126.9779
    place = "서울 중구"
    registered_at = factory.LazyFunction(lambda: datetime.now(UTC))
    updated_at = factory.SelfAttribute("registered_at")

    @classmethod
    def _create(cls, model_class: type[Item], *args: Any, **columns: Any) -> Item:
        place = blurred_place(**{name: columns[name] for name in ("manager_id", "latitude", "longitude")})
        item: Item = super()._create(model_class, *args, **{"shown_latitude": place[0], "shown_longitude": place[1], **columns})
        return item


def item_shown_exactly(**details: Any) -> Item:
    """Return an item that strangers are shown where it is, to the metre, so that distances can be told in a test."""
    item: Item = ItemFactory(**details)
    Item.objects.filter(id=item.id).update(shown_latitude=item.latitude, shown_longitude=item.longitude)
    return item


class BusyPeriodFactory(factory.django.DjangoModelFactory):
    """A rental that reserves its item for a day from now on."""

    class Meta:
        model = BusyPeriod

    rental_id = factory.LazyFunction(ids.uuid7)
    item = factory.SubFactory(ItemFactory)
    starts_at = factory.LazyFunction(lambda: datetime.now(UTC))
    ends_at = factory.LazyAttribute(lambda period: period.starts_at + timedelta(days=1))
    hold = domain.Hold.RESERVED
    version = 1


def rental_fact(
    kind: type[Fact], *, item_id: UUID, rental_id: UUID, version: int, starts_at: datetime, ends_at: datetime | None = None, **more: Any
) -> Fact:
    """Return a fact or a snapshot of a rental; for a day, unless `ends_at` is given."""
    public: dict[str, Any] = {
        "rental_id": rental_id,
        "item_id": item_id,
        "item_name": "전동 드릴",
        "renter_id": ids.uuid7(),
        "manager_id": ids.uuid7(),
        "starts_at": starts_at,
        "ends_at": ends_at or starts_at + timedelta(days=1),
        "price": 8_000,
        "currency": "KRW",
        "state": "requested",
        "overdue": False,
        "payment_due_at": starts_at + timedelta(minutes=15),
        "payment_id": None,
        "payment_state": None,
        "cancel_requested": False,
        "version": version,
        "requested_at": starts_at,
        "paid_at": None,
        "handed_over_at": None,
        "returned_at": None,
        "closed_at": None,
        "occurred_at": starts_at,
    }
    return kind(**public | more)
