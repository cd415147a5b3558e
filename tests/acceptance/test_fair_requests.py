"""What a renter was shown is what they are asked for; and what is their own is called so."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings
from rest_framework.test import APIClient

from apps.payments.models import Payment
from apps.rentals.models import Rental
from gdmarket import clock
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.factories.accounts import UserFactory

RENTALS = "/api/v1/rentals"


def number_of_facts() -> int:
    return Event.objects.filter(type__startswith="rentals.").count()


@pytest.mark.parametrize("method", [{}, {"payment_method": "pm_ok"}], ids=["unpaid", "paid_at_once"])
def test_a_price_raised_after_it_was_seen_is_refused_before_anything_is_held_or_charged(
    market: Market, drain: Drain, method: dict[str, str]
) -> None:
    item = market.register(daily_price=10_000)
    seen = {"item": item["id"], "expected_price": 10_000, **method}
    market.manager.patch(f"/api/v1/items/{item['id']}", {"daily_price": 1_000_000}, format="json")
    drain()

    refused = market.renter.post(RENTALS, seen, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "price_changed")
    assert (refused.json()["price"], refused.json()["currency"]) == (1_000_000, "KRW")
    assert (Rental.objects.count(), Payment.objects.count(), number_of_facts()) == (0, 0, 0)
    assert market.availability(item) == "available"
    agreed = market.renter.post(RENTALS, {**seen, "expected_price": refused.json()["price"]}, format="json")
    assert (agreed.status_code, agreed.json()["price"]) == (201, 1_000_000)


def test_the_expected_price_is_that_of_the_whole_period(market: Market) -> None:
    item = market.register(daily_price=10_000)
    start = clock.now() + timedelta(days=1)
    two_days = {"item": item["id"], "starts_at": start.isoformat(), "ends_at": (start + timedelta(days=2)).isoformat()}

    of_a_day = market.renter.post(RENTALS, {**two_days, "expected_price": 10_000}, format="json")
    of_two_days = market.renter.post(RENTALS, {**two_days, "expected_price": 20_000}, format="json")

    assert (of_a_day.status_code, of_a_day.json()["price"]) == (409, 20_000)
    assert of_two_days.status_code == 201


def test_a_repeated_request_gets_its_rental_although_the_price_has_changed_since(market: Market, drain: Drain) -> None:
    item = market.register(daily_price=10_000)
    body, headers = {"item": item["id"], "expected_price": 10_000}, {"Idempotency-Key": "seen"}
    first = market.renter.post(RENTALS, body, format="json", headers=headers)
    market.manager.patch(f"/api/v1/items/{item['id']}", {"daily_price": 1_000_000}, format="json")
    drain()

    again = market.renter.post(RENTALS, body, format="json", headers=headers)

    assert (again.status_code, again.json()["id"], again.json()["price"]) == (201, first.json()["id"], 10_000)


@pytest.mark.parametrize("price", [-1, "ten", None, 10.5])
def test_an_expected_price_that_is_no_sum_is_refused(market: Market, price: object) -> None:
    refused = market.renter.post(RENTALS, {"item": market.register()["id"], "expected_price": price}, format="json")

    assert (refused.status_code, [error["field"] for error in refused.json()["errors"]]) == (400, ["expected_price"])
    assert Rental.objects.count() == 0


def test_nobody_rents_their_own_item(market: Market, as_user: Callable[[Any], APIClient]) -> None:
    market.manager = as_user(UserFactory(is_renter=True, is_item_manager=True))
    item = market.register()

    refused = market.manager.post(RENTALS, {"item": item["id"], "payment_method": "pm_ok"}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "own_item")
    assert (Rental.objects.count(), Payment.objects.count(), number_of_facts()) == (0, 0, 0)
    market.request(item)


@pytest.mark.parametrize("paid", [False, True], ids=["unpaid", "paid"])
def test_a_renter_whose_own_rental_is_in_the_way_is_told_which(market: Market, paid: bool) -> None:
    item = market.register()
    own = market.request(item)
    if paid:
        market.pay(own)

    refused = market.renter.post(RENTALS, {"item": item["id"]}, format="json")

    assert (refused.status_code, refused.json()["code"], refused.json()["rental"]) == (409, "already_requested", own["id"])
    assert Rental.objects.count() == 1
    free = refused.json()["next_free"]
    if not paid:  # a second period is refused until the first is paid
        assert free is None
    else:
        assert (free["starts_at"], market.request(item, **free)["state"]) == (own["ends_at"], "requested")


def test_a_renter_who_may_not_hold_more_is_offered_no_other_period(market: Market) -> None:
    taken = market.register()
    market.request(taken, by=market.neighbour)
    for number in range(3):
        market.request(market.register(name=f"물건 {number}"))

    refused = market.renter.post(RENTALS, {"item": taken["id"]}, format="json").json()

    assert (refused["code"], refused["next_free"]) == ("period_taken", None)


def test_a_stranger_is_not_told_whose_rental_is_in_the_way(market: Market) -> None:
    item = market.register()
    market.request(item)

    refused = market.neighbour.post(RENTALS, {"item": item["id"]}, format="json").json()

    assert (refused["code"], "rental" in refused) == ("period_taken", False)


def test_a_period_that_a_stranger_holds_in_part_is_taken_although_the_rest_is_ones_own(market: Market) -> None:
    item = market.register()
    own = market.request(item)
    market.request(item, by=market.neighbour, starts_at=own["ends_at"])

    longer = {"item": item["id"], "ends_at": (clock.now() + timedelta(days=3)).isoformat()}
    refused = market.renter.post(RENTALS, longer, format="json").json()

    assert (refused["code"], "rental" in refused) == ("period_taken", False)


@pytest.mark.parametrize("minutes", [1, 31], ids=["in_time", "overdue"])
def test_a_renter_who_has_the_item_is_told_so(market: Market, pass_time: PassTime, settings: Settings, minutes: int) -> None:
    settings.GDMARKET_SHORTEST_RENTAL_S = 60
    item = market.register()
    own = market.request(item, ends_at=(clock.now() + timedelta(minutes=30)).isoformat())
    market.pay(own)
    market.command(market.manager, own, "handover")
    pass_time(minutes=minutes)

    refused = market.renter.post(RENTALS, {"item": item["id"]}, format="json").json()

    assert (refused["code"], refused["rental"]) == ("already_rented", own["id"])
    assert (refused["next_free"] is None) == (minutes == 31)
    assert Rental.objects.count() == 1


def test_a_renter_who_is_early_for_a_second_rental_is_not_called_another_renter(market: Market) -> None:
    item = market.register()
    first = market.request(item)
    market.pay(first)
    second = market.request(item, starts_at=first["ends_at"])
    market.pay(second)

    before = market.command(market.manager, second, "handover").json()
    market.command(market.manager, first, "handover")
    during = market.command(market.manager, second, "handover").json()

    assert (before["code"], before["rental"]) == ("already_requested", first["id"])
    assert (during["code"], during["rental"]) == ("already_rented", first["id"])
    assert market.see(second)["state"] == "paid"
