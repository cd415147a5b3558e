"""Many renters request one item at once: one gets it, on both databases; with a negative control."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError, connections
from rest_framework.test import APIClient

from apps.rentals.models import Listing, Rental
from apps.rentals.services import cancelling, requesting
from gdmarket import clock, databases
from gdmarket.ids import uuid7
from tests.acceptance.conftest import Market
from tests.factories.accounts import UserFactory
from tests.unit.payments.actions import concurrently

GUARD = import_module("apps.rentals.migrations.0005_no_show")


def race(renters: list[APIClient], *, item: dict[str, Any]) -> list[Any]:
    return concurrently([lambda renter=renter: renter.post("/api/v1/rentals", {"item": item["id"]}, format="json") for renter in renters])  # type: ignore[misc]  # mypy infers no lambda with a default


@contextmanager
def without_the_guard() -> Iterator[None]:
    """Drop the guard against overlaps, and restore it on empty tables afterwards."""
    connection = connections[databases.alias_for("rentals")]
    with connection.cursor() as cursor:
        for statement in GUARD.UNGUARD[connection.vendor]:
            cursor.execute(statement)
    try:
        yield
    finally:
        Rental.objects.all().delete()
        with connection.cursor() as cursor:
            for statement in GUARD.GUARD[connection.vendor]:
                cursor.execute(statement)


@pytest.mark.parametrize("how_many", [2, 50])
def test_exactly_one_of_many_renters_gets_the_item(market: Market, as_user: Callable[[Any], APIClient], how_many: int) -> None:
    item = market.register()
    renters = [as_user(renter) for renter in UserFactory.create_batch(how_many)]

    answers = race(renters, item=item)

    assert sorted(answer.status_code for answer in answers) == [201] + [409] * (how_many - 1)
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"period_taken"}
    assert Rental.objects.filter(item_id=item["id"]).count() == 1


def test_without_the_guard_in_the_database_the_race_oversells(market: Market, as_user: Callable[[Any], APIClient]) -> None:
    item = market.register()
    renters = [as_user(renter) for renter in UserFactory.create_batch(8)]

    with without_the_guard():
        answers = race(renters, item=item)

    assert [answer.status_code for answer in answers].count(201) > 1


def test_back_to_back_rentals_are_accepted_and_overlapping_ones_are_not(market: Market) -> None:
    item = market.register()
    noon = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    day = timedelta(days=1)
    market.request(item, starts_at=noon.isoformat(), ends_at=(noon + day).isoformat())

    before = market.neighbour.post(
        "/api/v1/rentals",
        {"item": item["id"], "starts_at": (noon - day / 2).isoformat(), "ends_at": noon.isoformat(), "payment_method": "pm_ok"},
        format="json",
    )
    after = market.neighbour.post(
        "/api/v1/rentals", {"item": item["id"], "starts_at": (noon + day).isoformat(), "payment_method": "pm_ok"}, format="json"
    )
    inside = market.neighbour.post(
        "/api/v1/rentals",
        {"item": item["id"], "starts_at": (noon + day - timedelta(seconds=1)).isoformat(), "ends_at": (noon + 2 * day).isoformat()},
        format="json",
    )

    assert (before.status_code, after.status_code, inside.status_code) == (201, 201, 409)
    assert inside.json()["next_free"]["starts_at"] == after.json()["ends_at"]


def test_the_database_itself_refuses_an_overlap(market: Market) -> None:
    rental = market.request(market.register())
    row = Rental.objects.get(id=rental["id"])
    twin = Rental.objects.get(id=rental["id"])
    twin.pk = None
    twin._state.adding = True
    twin.id = UserFactory.build().id

    with pytest.raises(Exception, match="rentals_no_overlap"):
        twin.save(force_insert=True)

    assert list(Rental.objects.filter(item_id=row.item_id)) == [row]


def test_sixteen_writers_at_once_are_all_served(market: Market, as_user: Callable[[Any], APIClient]) -> None:
    renters = [as_user(renter) for renter in UserFactory.create_batch(16)]
    items = [market.register(name=f"물건 {number}") for number in range(16)]

    def write(renter: APIClient, item: dict[str, Any]) -> list[int]:
        return [renter.post("/api/v1/rentals", {"item": item["id"]}, format="json").status_code for _ in range(3)]

    assert concurrently([partial(write, *pair) for pair in zip(renters, items, strict=True)]) == [[201, 409, 409]] * 16


def test_one_request_sent_many_times_at_once_makes_one_rental(market: Market) -> None:
    item, renter, rental_id = market.register(), UserFactory(), uuid7()
    request = partial(requesting.request_rental, rental_id=rental_id, item_id=UUID(item["id"]), renter_id=renter.id, now=clock.now())

    made: list[Any] = concurrently([request] * 8)

    assert [rental.id for rental in made] == [rental_id] * 8
    assert Rental.objects.count() == 1


def pay_and_cancel_among_losers(market: Market, *, cycles: int, drain: Callable[[], int]) -> None:
    """Pay and cancel the payment repeatedly while others request the same period, and cancel the rental."""
    item = market.register()
    rental = market.request(item)
    is_over = Event()

    def lose(_: int) -> None:
        try:
            while not is_over.is_set():
                market.neighbour.post("/api/v1/rentals", {"item": item["id"]}, format="json")
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=4) as threads:
        losers = threads.map(lose, range(4))
        try:
            for _ in range(cycles):
                assert market.pay(rental).status_code == 200
                # 202 where the refund takes longer than a request waits for it: the relay, here `drain`, completes it.
                assert market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment").status_code in {200, 202}
                drain()
                assert market.see(rental)["state"] == "requested"
        finally:
            is_over.set()
        list(losers)
    assert market.command(market.renter, rental, "cancel").status_code == 200


@pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone
def test_paying_and_cancelling_go_on_while_others_are_refused(
    market: Market, drain: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(4):
        pay_and_cancel_among_losers(market, cycles=3, drain=drain)

    assert "deadlock" not in caplog.text


def wait_for_the_listing(change: Callable[[], object]) -> bool:
    """Return whether a change waits for the listing's lock before it locks the rental."""
    taken, waited = Event(), Event()

    def hold() -> bool:
        try:
            with databases.transaction_for("rentals"):
                Listing.objects.select_for_update(no_key=True).get()
                taken.set()
                time.sleep(0.3)  # by now the change waits for us
                is_free = Rental.objects.select_for_update(no_key=True, nowait=True).first() is not None
                waited.wait(timeout=30)
                return is_free
        except OperationalError:
            return False
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=1) as threads:
        holder = threads.submit(hold)
        taken.wait(timeout=30)
        try:
            with databases.transaction_for("rentals"), connections[databases.alias_for("rentals")].cursor() as cursor:
                cursor.execute("SET LOCAL lock_timeout = '900ms'")
                change()
        except OperationalError as refused:
            has_waited = "lock timeout" in str(refused)
        else:
            has_waited = False
        waited.set()
        return holder.result() and has_waited


@pytest.mark.postgresql
def test_every_change_of_a_rental_waits_for_the_listing_first(market: Market) -> None:
    rental = market.request(market.register())
    rental_id, renter, now = UUID(rental["id"]), UUID(rental["renter"]), clock.now()
    asked: dict[str, Any] = {"rental_id": uuid7(), "item_id": UUID(rental["item"]), "renter_id": renter}

    assert wait_for_the_listing(lambda: requesting.request_rental(**asked, now=now))
    assert wait_for_the_listing(lambda: cancelling.cancel_rental(rental_id=rental_id, by=renter, now=now))
    assert wait_for_the_listing(lambda: requesting.expire_unpaid(rental_id=rental_id, due_at=now, now=now))
    assert not wait_for_the_listing(lambda: Rental.objects.select_for_update(no_key=True).get(id=rental_id))
    assert market.see(rental) == rental
