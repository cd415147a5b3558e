"""Scenarios of renters and operators: each is one rental, through the services."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from random import Random
from threading import Thread
from typing import Any
from uuid import UUID

from django.db import connection

from apps.items import services as items
from apps.payments.services import refunding
from apps.rentals.models import Rental
from apps.rentals.services import cancelling, paying, requesting
from gdmarket import bus, clock, ids
from gdmarket.errors import DomainError
from tests.chaos.money.plan import Plan

MANAGERS = tuple(UUID(int=number) for number in range(1, 4))
_METHODS = {"pm_ok": 12, "pm_declined": 1, "pm_error": 1, "pm_lost": 1}
_DAYS = 300


class Renter:
    """Runs scenarios until the campaign has enough rentals."""

    def __init__(self, *, plan: Plan, chance: Random) -> None:
        self._plan = plan
        self._chance = chance
        self._periods: list[tuple[UUID, datetime]] = []

    def run(self) -> None:
        """Run scenarios, one after the other."""
        while Rental.objects.count() < self._plan.rentals:
            for _ in range(10):
                with suppress(DomainError):
                    self._scenario()

    def _scenario(self) -> None:
        rental_id, renter_id = ids.uuid7(), ids.uuid7()
        item_id, starts_at = self._free_period()
        pays_at_once = self._chance.random() < 0.7
        with suppress(DomainError):
            request(
                rental_id=rental_id,
                item_id=item_id,
                renter_id=renter_id,
                starts_at=starts_at,
                method=self._method() if pays_at_once else None,
            )
        ending = self._chance.choices(
            [self._leave, self._pay, self._cancel, self._cancel_payment, self._race, self._refund_partly], [4, 4, 2, 1, 1, 2]
        )
        ending[0](rental_id, renter_id)

    def _leave(self, rental_id: UUID, renter_id: UUID) -> None:
        """Do nothing more."""

    def _pay(self, rental_id: UUID, renter_id: UUID) -> None:
        pay(rental_id=rental_id, renter_id=renter_id, method=self._method())

    def _cancel(self, rental_id: UUID, renter_id: UUID) -> None:
        cancelling.cancel_rental(rental_id=rental_id, by=renter_id, now=clock.now())

    def _cancel_payment(self, rental_id: UUID, renter_id: UUID) -> None:
        cancelling.cancel_payment(rental_id=rental_id, by=renter_id, now=clock.now())

    def _race(self, rental_id: UUID, renter_id: UUID) -> None:
        at_once(
            partial(pay, rental_id=rental_id, renter_id=renter_id, method=self._method()),
            partial(self._cancel, rental_id, renter_id),
            partial(self._cancel, rental_id, renter_id),
        )

    def _refund_partly(self, rental_id: UUID, renter_id: UUID) -> None:
        refund_partly(rental_id=rental_id, amount=self._chance.choice([1, 3_000, 7_999]))
        if self._chance.random() < 0.3:
            self._cancel(rental_id, renter_id)

    def _method(self) -> str:
        return self._chance.choices(list(_METHODS), list(_METHODS.values()))[0]

    def _free_period(self) -> tuple[UUID, datetime]:
        if not self._periods:
            item_id = register(by=self._chance.choice(MANAGERS))
            first = clock.now() + timedelta(hours=1)
            self._periods = [(item_id, first + timedelta(days=day)) for day in range(_DAYS)]
        return self._periods.pop()


def register(*, by: UUID) -> UUID:
    """Register an item, and deliver that to rentals."""
    item_id = ids.uuid7()
    details: Any = {"name": "충전 드릴", "category": "공구", "place": "성수역", "latitude": 37.5, "longitude": 127.0, "daily_price": 8_000}
    items.register_item(item_id=item_id, manager_id=by, now=clock.now(), **details)
    bus.run_until_idle(contexts={"rentals"})
    return item_id


def request(*, rental_id: UUID, item_id: UUID, renter_id: UUID, starts_at: datetime, method: str | None) -> None:
    """Request an item for a day, and with a method pay in the same call."""
    requesting.request_rental(
        rental_id=rental_id,
        item_id=item_id,
        renter_id=renter_id,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=1),
        method=method,
        now=clock.now(),
    )


def pay(*, rental_id: UUID, renter_id: UUID, method: str) -> None:
    """Pay for a rental."""
    paying.pay_rental(rental_id=rental_id, by=renter_id, method=method, operation_id=ids.uuid7(), now=clock.now())


def refund_partly(*, rental_id: UUID, amount: int) -> None:
    """Refund a part of a rental's payment, or what is left of it, as an operator does."""
    rental = Rental.objects.filter(id=rental_id).first()
    if rental is not None and rental.payment_id is not None:
        refunding.refund_payment(
            refund_id=ids.uuid7(), payment_id=rental.payment_id, amount=amount, reason="it was late", by=ids.uuid7(), now=clock.now()
        )


def at_once(*acts: Callable[[], object]) -> None:
    """Run these concurrently; refusals are ignored."""

    def run(act: Callable[[], object]) -> None:
        try:
            with suppress(DomainError):
                act()
        finally:
            connection.close()

    threads = [Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
