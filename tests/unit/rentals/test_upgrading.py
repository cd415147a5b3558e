"""Rentals that were paid before the upgrade, and whose period is over, are freed; and the migration back."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from apps.items.models import BusyPeriod, Item
from apps.rentals.models import Listing, Rental
from config import catching_up
from gdmarket import bus, clock, ids
from gdmarket.bus.models import Delivery, Event
from tests.factories.items import ItemFactory
from tests.migrating import migrate, newest

pytestmark = pytest.mark.django_db(transaction=True)

BEFORE = ("rentals", "0004_fold_rentals")
HOUR = timedelta(hours=1)


@pytest.fixture
def before() -> Iterator[Any]:
    then = migrate(BEFORE)
    yield then
    migrate(newest("rentals"))


def paid(rentals: Any, listings: Any, *, item: Item, starts_at: datetime, **more: Any) -> UUID:
    """Write a paid rental as the version before did, and return its id."""
    listings.get_or_create(
        item_id=item.id, defaults={"manager_id": item.manager_id, "name": item.name, "daily_price": 8_000, "currency": "KRW", "version": 1}
    )
    rental = rentals.create(
        id=ids.uuid7(),
        item_id=item.id,
        item_name=item.name,
        renter_id=ids.uuid7(),
        manager_id=item.manager_id,
        starts_at=starts_at,
        ends_at=starts_at + HOUR,
        price=8_000,
        currency="KRW",
        state="paid",
        payment_due_at=starts_at,
        requested_at=starts_at,
        paid_at=starts_at,
        version=3,
        **more,
    )
    return UUID(str(rental.id))


def test_what_was_paid_and_over_before_the_upgrade_is_freed_by_it(before: Any) -> None:
    rentals, listings = (before.get_model("rentals", name).objects for name in ("Rental", "Listing"))
    item, now = ItemFactory(availability="reserved"), clock.now()
    over = paid(rentals, listings, item=item, starts_at=now - timedelta(days=30), began_at=now - timedelta(days=30))
    coming = paid(rentals, listings, item=item, starts_at=now + timedelta(days=30))
    BusyPeriod.objects.create(rental_id=over, item=item, starts_at=now - timedelta(days=30), ends_at=now, hold="reserved", version=1)

    migrate(newest("rentals"))
    bus.run_until_idle()

    assert dict(Rental.objects.values_list("id", "state")) == {over: "no_show", coming: "paid"}
    item.refresh_from_db()
    assert (item.availability, BusyPeriod.objects.get().hold) == ("available", "over")
    assert Event.objects.filter(type="rentals.RentalNoShowRecorded").count() == 1
    (timer,) = Delivery.objects.filter(subscriber="rentals")
    assert timer.not_before == Rental.objects.get(id=coming).ends_at


def test_going_back_makes_no_shows_paid_again_and_forward_frees_them_again(before: Any) -> None:
    rentals, listings = (before.get_model("rentals", name).objects for name in ("Rental", "Listing"))
    over = paid(rentals, listings, item=ItemFactory(), starts_at=clock.now() - timedelta(days=30), began_at=clock.now())
    migrate(newest("rentals"))
    bus.run_until_idle()

    then = migrate(BEFORE)
    assert then.get_model("rentals", "Rental").objects.get(id=over).state == "paid"
    migrate(newest("rentals"))
    assert Rental.objects.get(id=over).state == "paid"
    catching_up.catch_up()
    bus.run_until_idle()

    assert Rental.objects.get(id=over).state == "no_show"


def test_what_was_paid_while_the_version_before_still_ran_is_freed_by_catching_up() -> None:
    item, now = ItemFactory(), clock.now()
    over = paid(Rental.objects, Listing.objects, item=item, starts_at=now - 2 * HOUR, began_at=now)
    bus.run_until_idle()
    assert Rental.objects.get(id=over).state == "paid"

    assert [catching_up.catch_up()["ends"] for _ in range(2)] == [1, 0]
    bus.run_until_idle()

    assert Rental.objects.get(id=over).state == "no_show"
    assert catching_up.catch_up()["ends"] == 0
