"""Handing over and taking back, early, in time and late."""

from datetime import timedelta
from uuid import UUID

from pytest_django import Settings

from apps.rentals import handlers
from apps.rentals.events import PeriodEnded
from apps.rentals.models import Rental
from gdmarket import clock
from tests.acceptance.conftest import Drain, Market, PassTime


def test_an_overdue_item_refuses_every_new_request_until_it_is_back(market: Market, drain: Drain, pass_time: PassTime) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    market.command(market.manager, rental, "handover")
    later = clock.now().replace(microsecond=0)

    Rental.objects.filter(id=rental["id"]).update(starts_at=later.replace(year=later.year - 1), ends_at=later)
    pass_time(minutes=1)
    refused = market.neighbour.post("/api/v1/rentals", {"item": item["id"]}, format="json")

    assert (refused.status_code, refused.json()["code"], refused.json()["next_free"]) == (409, "period_taken", None)
    assert market.see(rental)["overdue"] is True
    assert market.command(market.manager, rental, "return").json()["state"] == "returned"
    market.request(item, by=market.neighbour)


def test_at_the_end_of_its_period_a_rental_is_overdue(market: Market, drain: Drain, pass_time: PassTime, settings: Settings) -> None:
    settings.GDMARKET_SHORTEST_RENTAL_S = 60
    ends_at = (clock.now() + timedelta(minutes=30)).isoformat()
    rental = market.request(market.register(), ends_at=ends_at)
    market.pay(rental)
    market.command(market.manager, rental, "handover")
    drain()
    before = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()

    pass_time(minutes=31)
    drain()

    after = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()
    assert (before["overdue"], after["overdue"], market.see(rental)["overdue"]) == (False, True, True)
    assert [entry["fact"] for entry in after["timeline"]].count("RentalOverdue") == 1


def test_a_timer_that_is_early_by_this_clock_still_takes_effect(market: Market, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    market.command(market.manager, rental, "handover")
    drain()

    handlers.on_period_ended(PeriodEnded(rental_id=UUID(rental["id"]), due_at=Rental.objects.get().ends_at, occurred_at=clock.now()))
    drain()

    assert market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()["overdue"] is True


def test_the_begin_of_the_period_is_published_once_however_often_it_is_paid(market: Market, drain: Drain, pass_time: PassTime) -> None:
    starts_at = clock.now() + timedelta(minutes=10)
    rental = market.request(market.register(), starts_at=starts_at.isoformat())
    market.pay(rental)
    market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")
    market.pay(rental)

    pass_time(minutes=11)
    drain()

    facts = [entry["fact"] for entry in market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()["timeline"]]
    assert facts.count("RentalPeriodBegan") == 1


def test_an_item_handed_over_early_is_held_from_then_on(market: Market, drain: Drain) -> None:
    item = market.register()
    starts_at = clock.now() + timedelta(days=14)
    early = market.request(item, starts_at=starts_at.isoformat())
    market.pay(early)
    assert market.command(market.manager, early, "handover").status_code == 200
    drain()

    refused = market.neighbour.post("/api/v1/rentals", {"item": item["id"], "payment_method": "pm_ok"}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "period_taken")
    assert refused.json()["next_free"]["starts_at"] == early["ends_at"]
    free = {"free_from": clock.now().isoformat(), "free_to": (clock.now() + timedelta(days=1)).isoformat()}
    assert market.anyone.get("/api/v1/items", free).json()["results"] == []
    market.request(item, by=market.neighbour, starts_at=early["ends_at"])


def test_an_item_is_not_handed_over_during_another_rental(market: Market) -> None:
    item = market.register()
    now = market.request(item, by=market.neighbour)
    later = market.request(item, starts_at=now["ends_at"])
    market.pay(now, by=market.neighbour)
    market.pay(later)

    refused = market.command(market.manager, later, "handover")

    assert (refused.status_code, refused.json()["code"], refused.json()["rental"]) == (409, "item_promised", now["id"])
    assert market.see(later)["state"] == "paid"
    assert market.command(market.manager, now, "handover").status_code == 200


def test_an_item_is_out_with_one_renter_at_a_time(market: Market, pass_time: PassTime) -> None:
    item = market.register()
    first = market.request(item, by=market.neighbour)
    second = market.request(item, starts_at=first["ends_at"])
    market.pay(first, by=market.neighbour)
    market.pay(second)
    market.command(market.manager, first, "handover")

    refused = market.command(market.manager, second, "handover")

    assert (refused.status_code, refused.json()["code"], refused.json()["rental"]) == (409, "item_out", first["id"])
    assert market.see(second)["state"] == "paid"
