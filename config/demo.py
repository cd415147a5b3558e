"""The demo: a neighbourhood with people, things to lend, and rentals in every state. Told through the contexts' own services."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.core.management import call_command

from apps.accounts.models import User
from apps.items import services as items
from apps.items.models import Item
from apps.payments import services as payments
from apps.rentals.services import cancelling, lending, paying, requesting
from config.demo_catalogue import PLACES, THINGS
from gdmarket import bus, databases
from gdmarket.bus import subscriptions
from gdmarket.ids import uuid7

PASSWORD = "gdmarket-demo"  # noqa: S105  # the demo's, printed for everybody
PEOPLE: dict[str, dict[str, Any]] = {
    "manager@example.com": {"display_name": "김근대", "is_item_manager": True, "is_renter": False},
    "manager2@example.com": {"display_name": "이마켓", "is_item_manager": True, "is_renter": False},
    "renter@example.com": {"display_name": "박이웃"},
    "renter2@example.com": {"display_name": "최동네"},
    "renter3@example.com": {"display_name": "정성수"},
    "operator@example.com": {"display_name": "운영자", "is_staff": True, "is_superuser": True, "is_renter": False},
}
DAY = timedelta(days=1)


def is_loaded() -> bool:
    """Say whether somebody lives here already, demo or not."""
    return User.objects.exists()


def load(*, now: datetime) -> Generator[str]:
    """Fill an empty market, telling each step as it is done.

    People move in last, all at once: a market without any is one whose loading was interrupted, and is emptied first.
    """
    if Item.objects.exists():
        _empty()
    people = {email: uuid7() for email in PEOPLE}
    managers = [people["manager@example.com"], people["manager2@example.com"]]
    catalogue = [_register(number, managers[number % 2], now=now - 30 * DAY) for number in range(len(THINGS))]
    bus.run_until_idle()
    yield f"{len(catalogue)} items"
    story = _Story(items=iter(catalogue), renters=[person for email, person in people.items() if email.startswith("renter")], now=now)
    story.tell()
    yield f"{story.told} rentals"
    with databases.transaction_for("accounts"):
        for email, person in PEOPLE.items():
            User.objects.create_user(email, PASSWORD, id=people[email], **person)
    yield f"{len(people)} people"


def _empty() -> None:
    """Empty the market. Nobody lives in it, so that its ledger, which else refuses to lose a row, may go too."""
    with payments.ledger_guard_disabled():
        for alias in databases.aliases():
            call_command("flush", database=alias, interactive=False, verbosity=0)


def _register(number: int, manager_id: UUID, *, now: datetime) -> Item:
    thing = THINGS[number]
    latitude, longitude = PLACES[thing.place]
    return items.register_item(
        item_id=uuid7(),
        manager_id=manager_id,
        name=thing.name,
        description=thing.description,
        category=thing.category,
        daily_price=thing.daily_price,
        deposit=thing.deposit,
        currency="KRW",
        # Neighbours do not all live at the station.
        latitude=round(latitude + (number % 5 - 2) * 0.0007, 6),
        longitude=round(longitude + (number % 7 - 3) * 0.0007, 6),
        place=thing.place,
        now=now + number * timedelta(minutes=1),
    )


@dataclass(kw_only=True)
class _Story:
    """Takes one item after another through a part of its rental."""

    items: Iterator[Item]
    renters: list[UUID]
    now: datetime
    told: int = field(default=0)

    def tell(self) -> None:
        """Leave rentals in every state behind; those in which money moves go on by themselves once a relay runs."""
        self._request()
        self._request(starts_in=3 * DAY, lasting=2 * DAY)
        for starts_in in (timedelta(), DAY, 5 * DAY):
            self._pay(self._request(starts_in=starts_in))
        self._hand_over(self._pay(self._request(ago=timedelta(hours=5), lasting=2 * DAY)))
        self._hand_over(self._pay(self._request(ago=timedelta(hours=30), lasting=3 * DAY)))
        self._hand_over(self._pay(self._request(ago=3 * DAY, lasting=2 * DAY)))  # overdue since yesterday
        for days in (20, 12, 6):
            self._take_back(self._hand_over(self._pay(self._request(ago=days * DAY))))
        self._cancel(self._request(ago=8 * DAY))
        self._cancel(self._pay(self._request(ago=4 * DAY)))
        self._request(ago=2 * DAY)  # never paid: expires as soon as its timer is heard
        bus.run_until_idle()
        self._pay(self._request(), method="pm_error")  # paying, until the provider is asked again
        refunded = self._pay(self._request())
        subscriptions.pause(context="payments")
        try:
            self._cancel(refunded)  # refunding, until payments hears of it
            bus.run_until_idle()
        finally:
            subscriptions.resume(context="payments")

    def _request(self, *, ago: timedelta = timedelta(), starts_in: timedelta = timedelta(), lasting: timedelta = DAY) -> "_Told":
        requested_at = self.now - ago
        starts_at = requested_at + starts_in
        renter_id = self.renters[self.told % len(self.renters)]
        self.told += 1
        item = next(self.items)
        rental = requesting.request_rental(
            rental_id=uuid7(),
            item_id=item.id,
            renter_id=renter_id,
            starts_at=starts_at,
            ends_at=starts_at + lasting,
            now=requested_at,
        )
        return _Told(rental_id=rental.id, renter_id=renter_id, manager_id=item.manager_id, at=requested_at, ends_at=rental.ends_at)

    def _pay(self, told: "_Told", *, method: str = "pm_ok") -> "_Told":
        told.at += timedelta(minutes=2)
        paying.pay_rental(rental_id=told.rental_id, by=told.renter_id, method=method, operation_id=uuid7(), now=told.at)
        return told

    def _hand_over(self, told: "_Told") -> "_Told":
        told.at += timedelta(minutes=40)
        lending.hand_over(rental_id=told.rental_id, by=told.manager_id, now=told.at)
        return told

    def _take_back(self, told: "_Told") -> None:
        lending.take_back(rental_id=told.rental_id, by=told.manager_id, now=told.ends_at - timedelta(hours=1))

    def _cancel(self, told: "_Told") -> None:
        told.at += timedelta(minutes=1)
        cancelling.cancel_rental(rental_id=told.rental_id, by=told.renter_id, reason="plans changed", now=told.at)


@dataclass(kw_only=True)
class _Told:
    """Where one rental of the story has come to."""

    rental_id: UUID
    renter_id: UUID
    manager_id: UUID
    at: datetime
    ends_at: datetime
