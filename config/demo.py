"""The demo: a neighbourhood with people, items, and rentals in every state, made through the contexts' own services."""

from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management import call_command

from apps.accounts import services as accounts
from apps.items import queries as catalogue
from apps.items import services as items
from apps.items.photos import album
from apps.items.services import categories, photo_files, places
from apps.payments.services import ledger
from apps.rentals.services import cancelling, lending, paying, requesting
from config.demo_catalogue import PICKUP_ADDRESS, PICKUP_PLACE, PLACES, THINGS
from gdmarket import bus, databases
from gdmarket.bus import subscriptions
from gdmarket.ids import uuid7

PASSWORD = "gdmarket-demo"  # noqa: S105  # the demo's is public
PEOPLE: dict[str, dict[str, Any]] = {
    "manager@example.com": {"display_name": "김근대", "is_item_manager": True, "is_renter": False},
    "manager2@example.com": {"display_name": "이마켓", "is_item_manager": True, "is_renter": False},
    "renter@example.com": {"display_name": "박이웃"},
    "renter2@example.com": {"display_name": "최동네"},
    "renter3@example.com": {"display_name": "정성수"},
    "operator@example.com": {"display_name": "운영자", "is_staff": True, "is_superuser": True, "is_renter": False},
}
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)


def load(*, now: datetime) -> Generator[str]:
    """Fill an empty database; yield after each step what it made.

    People are written last, in one transaction: items without people are what an interrupted load left behind, and are deleted first.
    """
    if catalogue.list_items().exists():
        _empty()
    categories.create_missing_categories()
    ids = {email: uuid7() for email in PEOPLE}
    managers = [ids["manager@example.com"], ids["manager2@example.com"]]
    began_at = now - 30 * DAY
    pickups = {manager_id: _add_pickup_place(manager_id, now=began_at) for manager_id in managers}
    people = [managers[number % 2] for number in range(len(THINGS))]
    registered = [(_register(number, person, pickups[person], now=began_at), person) for number, person in enumerate(people)]
    bus.run_until_idle()
    yield f"{len(registered)} items"
    demo = _Rentals(items=registered, renters=[ids[email] for email in PEOPLE if email.startswith("renter")], now=now)
    demo.make()
    yield f"{demo.made} rentals"
    with databases.transaction_for("accounts"):
        for email, roles in PEOPLE.items():
            accounts.create_person(user_id=ids[email], email=email, password=PASSWORD, **roles)
    yield f"{len(ids)} people"


def _empty() -> None:
    with ledger.guard_disabled():
        for alias in databases.aliases():
            call_command("flush", database=alias, interactive=False, verbosity=0)


def _add_pickup_place(manager_id: UUID, *, now: datetime) -> UUID:
    """Let a manager hand over at `PICKUP_PLACE`; it is some steps from where the other one does."""
    latitude, longitude = PLACES[PICKUP_PLACE]
    step = manager_id.int % 7 * 0.0003
    details: Any = {"name": PICKUP_PLACE, "address": PICKUP_ADDRESS, "latitude": round(latitude + step, 6), "longitude": longitude}
    return places.add_place(place_id=uuid7(), manager_id=manager_id, now=now, **details).id


def _register(number: int, manager_id: UUID, pickup_place: UUID, *, now: datetime) -> UUID:
    thing = THINGS[number]
    latitude, longitude = PLACES[thing.place]
    from config import demo_pictures  # noqa: PLC0415  # Pillow, which nothing else in this process needs

    pictures = demo_pictures.draw(category=thing.category, number=number)
    photo_files.keep(pictures=pictures, now=now)
    item = items.register_item(
        item_id=uuid7(),
        manager_id=manager_id,
        name=thing.name,
        description=thing.description,
        category=thing.category,
        daily_price=thing.daily_price,
        deposit=thing.deposit,
        currency="KRW",
        # Spread around the place, so that distances differ.
        latitude=round(latitude + (number % 5 - 2) * 0.0007, 6),
        longitude=round(longitude + (number % 7 - 3) * 0.0007, 6),
        place=thing.place,
        pickup_place=pickup_place if thing.place == PICKUP_PLACE else None,
        now=now + number * MINUTE,
        photos=[album.photo_of(pictures, photo_id=uuid7(), alt=thing.name)],
    )
    return item.id


@dataclass(kw_only=True)
class _Rentals:
    """Makes one rental after another, each of another item (given with its manager), and takes it through a part of its states."""

    items: list[tuple[UUID, UUID]]
    renters: list[UUID]
    now: datetime
    made: int = 0

    def make(self) -> None:
        """Leave rentals in every state; `paying` and `refunding` end by themselves once a relay runs."""
        self._rent()
        self._rent(starts_in=3 * DAY, lasting=2 * DAY)
        for starts_in in (timedelta(), DAY, 5 * DAY):
            self._rent(starts_in=starts_in, method="pm_ok")
        self._rent(ago=timedelta(hours=5), lasting=2 * DAY, method="pm_ok", is_handed_over=True)
        self._rent(ago=timedelta(hours=30), lasting=3 * DAY, method="pm_ok", is_handed_over=True)
        self._rent(ago=3 * DAY, lasting=2 * DAY, method="pm_ok", is_handed_over=True)  # overdue since yesterday
        for days in (20, 12, 6):
            self._rent(ago=days * DAY, method="pm_ok", is_handed_over=True, is_returned=True)
        self._rent(ago=8 * DAY, is_cancelled=True)
        self._rent(ago=4 * DAY, method="pm_ok", is_cancelled=True)
        self._rent(ago=2 * DAY)  # never paid: expires as soon as its timer is delivered
        self._rent(ago=4 * DAY, method="pm_ok")  # never fetched: a no-show as soon as its timer is delivered
        bus.run_until_idle()
        self._rent(method="pm_error")  # paying, until the provider is asked again
        subscriptions.pause(context="payments")
        try:
            self._rent(method="pm_ok", is_cancelled=True)  # refunding, until payments handles it
            bus.run_until_idle()
        finally:
            subscriptions.resume(context="payments")

    def _rent(
        self,
        *,
        ago: timedelta = 10 * MINUTE,
        starts_in: timedelta = timedelta(),
        lasting: timedelta = DAY,
        method: str | None = None,
        is_handed_over: bool = False,
        is_returned: bool = False,
        is_cancelled: bool = False,
    ) -> None:
        """Request the next item, `ago`, so long that later steps are past, too; pay if there is a `method`; then take the named steps."""
        (item_id, manager_id), renter_id = self.items[self.made], self.renters[self.made % len(self.renters)]
        rental_id, at = uuid7(), self.now - ago
        starts_at, ends_at = at + starts_in, at + starts_in + lasting
        self.made += 1
        requesting.request_rental(rental_id=rental_id, item_id=item_id, renter_id=renter_id, starts_at=starts_at, ends_at=ends_at, now=at)
        if method is not None:
            paid_at = at + 2 * MINUTE
            paying.pay_rental(rental_id=rental_id, by=renter_id, method=method, operation_id=uuid7(), now=paid_at)
        if is_handed_over:
            lending.hand_over(rental_id=rental_id, by=manager_id, now=at + 42 * MINUTE)
        if is_returned:
            lending.take_back(rental_id=rental_id, by=manager_id, now=ends_at - timedelta(hours=1))
        if is_cancelled:
            cancelling.cancel_rental(rental_id=rental_id, by=renter_id, reason="plans changed", now=at + 3 * MINUTE)
