"""Rentals, as rows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import factory

from apps.rentals.models import Rental
from gdmarket import ids

DAY = timedelta(days=1)


class RentalFactory(factory.django.DjangoModelFactory):
    """A rental of a day, in the `state` that is named; it begins now, or `starts_in`."""

    class Meta:
        model = Rental

    class Params:
        starts_in = timedelta()

    id = factory.LazyFunction(ids.uuid7)
    item_id = factory.LazyFunction(ids.uuid7)
    item_name = factory.Sequence(lambda n: f"전동 드릴 {n}")
    renter_id = factory.LazyFunction(ids.uuid7)
    manager_id = factory.LazyFunction(ids.uuid7)
    requested_at = factory.LazyFunction(lambda: datetime.now(UTC))
    starts_at = factory.LazyAttribute(lambda rental: rental.requested_at + rental.starts_in)
    ends_at = factory.LazyAttribute(lambda rental: rental.starts_at + DAY)
    payment_due_at = factory.LazyAttribute(lambda rental: rental.requested_at + timedelta(minutes=15))
    price = 8_000
    currency = "KRW"
    state = "requested"

    @factory.lazy_attribute
    def paid_at(self: Any) -> datetime | None:
        """Say when it was paid, where its state says that it was."""
        return self.requested_at if self.state in {"paid", "rented", "returned", "no_show"} else None
