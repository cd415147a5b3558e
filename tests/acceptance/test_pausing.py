"""A manager pauses an item: nobody requests it, and the rentals that were requested go on."""

from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any
from uuid import UUID

import pytest
from django.db import connections

from apps.items import services
from apps.items.events import ItemPaused
from apps.items.models import Item
from apps.items.services import pausing
from apps.rentals.models import Rental
from apps.status_view.models import ItemStatus
from gdmarket import clock, databases
from gdmarket.bus import subscriptions
from tests.acceptance.conftest import Drain, Market
from tests.log import recorded
from tests.unit.payments.actions import concurrently

GUEST = {"renter_name": "김철수"}


def pause(market: Market, item: dict[str, Any]) -> None:
    assert market.manager.post(f"/api/v1/items/{item['id']}/pause").status_code == 200


def test_a_paused_item_is_neither_requested_nor_booked_at_the_desk_until_it_is_resumed(market: Market, drain: Drain) -> None:
    item = market.register()
    pause(market, item)
    drain()

    asked = market.renter.post("/api/v1/rentals", {"item": item["id"]}, format="json", headers={"Accept-Language": "ko"})
    booked = market.manager.post("/api/v1/rentals/walk-in", {"item": item["id"], **GUEST}, format="json")

    assert [(answer.status_code, answer.json()["code"]) for answer in (asked, booked)] == [(409, "item_paused")] * 2
    assert "일시 중지" in asked.json()["detail"]
    assert Rental.objects.count() == 0
    assert market.manager.get("/api/v1/status/items", {"state": "paused"}).json()["results"][0]["state"] == "paused"

    assert market.manager.post(f"/api/v1/items/{item['id']}/resume").status_code == 200
    drain()

    assert market.request(item)["state"] == "requested"
    assert ItemStatus.objects.get().state == "listed"


def test_a_rental_that_was_requested_is_paid_handed_over_and_returned_while_the_item_is_paused(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    pause(market, item)
    drain()

    assert market.pay(rental).json()["state"] == "paid"
    for command, state in (("handover", "rented"), ("return", "returned")):
        assert market.command(market.manager, rental, command).json()["state"] == state
    drain()

    shown = market.anyone.get(f"/api/v1/items/{item['id']}").json()
    assert (shown["state"], shown["availability"]) == ("paused", "available")


def test_a_request_in_the_gap_goes_on(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    for context in ("items", "rentals"):
        subscriptions.pause(context=context)
    pause(market, item)
    rental = market.request(item)
    for context in ("items", "rentals"):
        subscriptions.resume(context=context)

    drain()

    assert market.see(rental)["state"] == "requested"
    assert market.availability(item) == "reserved"


def test_what_changed_while_an_item_was_paused_is_told_to_open_rentals(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = market.request(item)
    pause(market, item)
    market.manager.patch(f"/api/v1/items/{item['id']}", {"name": "해머 드릴"}, format="json")
    market.manager.post(f"/api/v1/items/{item['id']}/resume")
    drain()

    assert market.see_agreed(rental)["changed"] == ["name"]


def test_pausing_many_times_at_once_pauses_once(market: Market, drain: Drain) -> None:
    item = market.register()
    answers: list[Any] = concurrently([lambda: market.manager.post(f"/api/v1/items/{item['id']}/pause")] * 4)
    drain()
    assert {(answer.status_code, answer.json()["version"]) for answer in answers} == {(200, 2)}
    assert len(recorded([ItemPaused])) == 1


def _pauses_of_two(market: Market) -> int:
    """Pause an item while another transaction that pauses it is open; return how many pauses are told of."""
    item = market.register()

    def also() -> None:
        try:
            pause(market, item)
        finally:
            connections.close_all()

    with ThreadPoolExecutor() as others, databases.transaction_for("items"):
        pausing.pause_item(item_id=UUID(item["id"]), by=UUID(item["manager"]), now=clock.now())
        other = others.submit(also)
        wait([other], timeout=0.7)
    other.result()
    return len(recorded([ItemPaused]))


def test_a_pause_waits_for_another_and_finds_the_item_paused(market: Market) -> None:
    assert _pauses_of_two(market) == 1


@pytest.mark.postgresql
def test_without_the_lock_both_would_pause_the_item(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "lock_own_item", lambda item_id, by: Item.objects.get(id=item_id, manager_id=by))
    assert _pauses_of_two(market) == 2
