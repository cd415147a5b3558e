"""A manager who is deactivated or loses the role sells no more; rentals that are paid go on."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from rest_framework.test import APIClient

from apps.payments.models import Payment
from apps.rentals.models import Rental
from gdmarket.bus import subscriptions
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market
from tests.factories.accounts import UserFactory

ITEMS, RENTALS = "/api/v1/items", "/api/v1/rentals"
DEACTIVATED, WITHOUT_ROLE = {"is_item_manager": "on"}, {"is_active": "on", "is_renter": "on"}
IN_GOOD_STANDING = {"is_active": "on", "is_item_manager": "on"}

each_loss = pytest.mark.parametrize("left", [DEACTIVATED, WITHOUT_ROLE], ids=["deactivated", "without_the_role"])


@pytest.fixture
def desk(transactional_db: None) -> Client:
    """Return an operator's browser."""
    client = Client()
    client.force_login(UserFactory(operator=True))
    return client


def change(desk: Client, item: dict[str, Any], left: dict[str, str]) -> None:
    """Let an operator leave an item's manager these ticks in the admin."""
    person = get_user_model().objects.get(id=item["manager"])
    form = {"email": person.email, "display_name": person.display_name, **left}
    assert desk.post(f"/admin/accounts/user/{person.id}/change/", form).status_code == 302


@each_loss
def test_the_items_of_a_suspended_manager_are_hidden(market: Market, desk: Client, drain: Drain, left: dict[str, str]) -> None:
    item = market.register()
    change(desk, item, left)
    drain()

    assert market.anyone.get(ITEMS).json()["results"] == []
    assert market.anyone.get(f"{ITEMS}/{item['id']}").status_code == 404
    nearby = {"near": f"{item['latitude']},{item['longitude']}", "q": "드릴"}
    assert market.anyone.get(ITEMS, nearby).json()["results"] == []


@each_loss
def test_the_items_of_a_suspended_manager_are_not_rented(market: Market, desk: Client, drain: Drain, left: dict[str, str]) -> None:
    item = market.register()
    change(desk, item, left)
    drain()

    refused = market.renter.post(RENTALS, {"item": item["id"], "payment_method": "pm_ok"}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (409, "manager_inactive")
    assert (Rental.objects.count(), Payment.objects.count()) == (0, 0)
    assert not Event.objects.filter(type__startswith="rentals.").exists()


def test_nobody_pays_for_what_a_suspended_manager_would_not_hand_over(market: Market, desk: Client, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    change(desk, item, DEACTIVATED)
    drain()

    refused = market.pay(rental)

    assert (refused.status_code, refused.json()["code"]) == (409, "manager_inactive")
    assert (market.see(rental)["state"], market.see(rental)["version"], Payment.objects.count()) == ("requested", 1, 0)
    assert market.command(market.renter, rental, "cancel").json()["state"] == "cancelled"


def test_a_paid_rental_of_a_suspended_manager_goes_on_and_an_operator_acts_on_it(market: Market, desk: Client, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    change(desk, item, DEACTIVATED)
    drain()

    assert desk.post(f"/admin/rentals/rental/{rental['id']}/hand-over/").status_code == 302
    assert market.see(rental)["state"] == "rented"
    assert desk.post(f"/admin/rentals/rental/{rental['id']}/take-back/").status_code == 302
    assert market.see(rental)["state"] == "returned"


def test_a_paid_rental_of_a_suspended_manager_can_be_given_up_by_its_renter(market: Market, desk: Client, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    change(desk, item, WITHOUT_ROLE)
    drain()

    market.command(market.renter, rental, "cancel")
    drain()

    assert (market.see(rental)["state"], market.see(rental)["payment"]["state"]) == ("cancelled", "refunded")


def test_the_items_of_a_manager_who_is_back_are_shown_and_rented_again(market: Market, desk: Client, drain: Drain) -> None:
    item = market.register()
    for left in (DEACTIVATED, IN_GOOD_STANDING):
        change(desk, item, left)
        drain()

    assert [found["id"] for found in market.anyone.get(ITEMS).json()["results"]] == [item["id"]]
    market.request(item)


def test_an_item_that_is_told_after_its_manager_was_suspended_is_not_rented(market: Market, desk: Client, drain: Drain) -> None:
    subscriptions.pause(context="rentals")
    item = market.register()
    change(desk, item, DEACTIVATED)
    subscriptions.resume(context="rentals")
    drain()

    assert market.renter.post(RENTALS, {"item": item["id"]}, format="json").json()["code"] == "manager_inactive"


def test_nothing_is_published_where_nobody_gains_or_loses_items(market: Market, desk: Client) -> None:
    item = market.register()
    change(desk, item, IN_GOOD_STANDING)
    renter = UserFactory()
    form = {"email": renter.email, "display_name": "새 이름", "is_renter": "on"}
    assert desk.post(f"/admin/accounts/user/{renter.id}/change/", form).status_code == 302

    assert not Event.objects.filter(type__startswith="accounts.").exists()


def test_other_managers_items_stay(market: Market, desk: Client, drain: Drain, as_user: Callable[[Any], APIClient]) -> None:
    item = market.register()
    market.manager = as_user(UserFactory(item_manager=True))
    other = market.register()
    change(desk, item, DEACTIVATED)
    drain()

    assert [found["id"] for found in market.anyone.get(ITEMS).json()["results"]] == [other["id"]]
    market.request(other)
