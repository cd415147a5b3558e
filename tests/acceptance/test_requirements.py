"""The requirements, one scenario each."""

from collections.abc import Callable
from io import StringIO

from django.core.management import call_command

from apps.items.models import Item
from apps.status_view.models import RentalStatus
from tests.acceptance.conftest import DRILL, Market


def test_01_an_item_manager_registers_an_item(market: Market) -> None:
    item = market.register()

    listed = market.anyone.get("/api/v1/items", {"q": "드릴"}).json()["results"]
    assert [found["id"] for found in listed] == [item["id"]]
    assert {name: item[name] for name in DRILL} == DRILL
    assert (item["state"], item["availability"]) == ("listed", "available")


def test_02_an_item_manager_deletes_an_item(market: Market) -> None:
    item = market.register()

    assert market.manager.delete(f"/api/v1/items/{item['id']}").status_code == 204

    assert market.anyone.get(f"/api/v1/items/{item['id']}").status_code == 404
    assert market.anyone.get("/api/v1/items").json()["results"] == []
    refused = market.renter.post("/api/v1/rentals", {"item": item["id"]}, format="json")
    assert (refused.status_code, refused.json()["code"]) == (409, "item_withdrawn")


def test_03_a_renter_selects_an_item_and_requests_it(market: Market) -> None:
    item = market.register()

    rental = market.request(item)

    assert rental["item"] == item["id"]
    assert (rental["state"], rental["price"], rental["currency"]) == ("requested", 8_000, "KRW")
    assert rental["payment"] is None
    assert rental["payment_due_at"].endswith("Z")


def test_04_after_the_request_the_item_is_not_rentable(market: Market) -> None:
    item = market.register()
    rental = market.request(item)

    refused = market.neighbour.post("/api/v1/rentals", {"item": item["id"]}, format="json")

    assert market.availability(item) == "reserved"
    assert (refused.status_code, refused.json()["code"]) == (409, "period_taken")
    assert refused.json()["next_free"]["starts_at"] == rental["ends_at"]
    assert market.neighbour.get("/api/v1/rentals").json()["results"] == []


def test_05_the_customer_pays(market: Market) -> None:
    rental = market.request(market.register())

    answer = market.pay(rental)

    assert answer.status_code == 200
    paid = answer.json()
    assert (paid["state"], paid["payment"]["state"]) == ("paid", "approved")
    assert paid["paid_at"] is not None


def test_06_the_customer_may_cancel_the_payment(market: Market) -> None:
    rental = market.request(market.register())
    market.pay(rental)

    answer = market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")

    assert answer.status_code == 200, answer.content
    assert (answer.json()["state"], answer.json()["payment"]["state"], answer.json()["paid_at"]) == ("requested", "refunded", None)
    assert market.pay(rental).json()["state"] == "paid"


def test_07_once_paid_the_item_is_lent(market: Market) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)

    answer = market.command(market.manager, rental, "handover")

    assert (answer.status_code, answer.json()["state"]) == (200, "rented")
    assert market.availability(item) == "rented"


def test_08_the_renter_may_cancel_the_request(market: Market) -> None:
    item = market.register()
    rental = market.request(item)

    answer = market.command(market.renter, rental, "cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert market.availability(item) == "available"
    market.request(item, by=market.neighbour)


def test_09_once_returned_the_item_is_rentable_again(market: Market, pass_time: Callable[..., None]) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)
    market.command(market.manager, rental, "handover")
    pass_time(minutes=30)

    answer = market.command(market.manager, rental, "return")

    assert (answer.status_code, answer.json()["state"]) == (200, "returned")
    assert market.availability(item) == "available"
    market.request(item, by=market.neighbour)


def test_10_the_renter_asks_how_the_rental_stands_at_any_moment(market: Market, drain: Callable[[], int]) -> None:
    rental = market.request(market.register())
    seen = []

    def look() -> None:
        drain()
        status = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()
        seen.append((status["state"], status["turn"]))

    look()
    market.pay(rental)
    look()
    market.command(market.manager, rental, "handover")
    look()
    market.command(market.manager, rental, "return")
    look()

    assert seen == [("requested", "renter"), ("paid", "manager"), ("rented", "renter"), ("returned", "nobody")]


def test_a_request_that_was_not_paid_never_completes(market: Market, pass_time: Callable[..., None], drain: Callable[[], int]) -> None:
    item = market.register()
    rental = market.request(item)

    refused = market.command(market.manager, rental, "handover")
    pass_time(minutes=16)
    drain()

    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "wrong_state", "requested")
    assert market.see(rental)["state"] == "expired"
    assert market.availability(item) == "available"


def test_requests_are_taken_all_day_and_night_while_item_management_is_down(market: Market, drain: Callable[[], int]) -> None:
    item = market.register()
    drain()
    call_command("bus", "pause", "items", stdout=StringIO())

    rental = market.request(item)
    assert market.pay(rental).json()["state"] == "paid"
    drain()
    assert market.availability(item) == "available"

    call_command("bus", "resume", "items", stdout=StringIO())
    drain()
    assert market.availability(item) == "reserved"


def test_when_payment_is_overloaded_the_renter_is_asked_to_pay_a_little_later(market: Market) -> None:
    rental = market.request(market.register())
    for _ in range(10):
        market.pay(rental, "pm_down")
    due_at = market.see(rental)["payment_due_at"]

    refused = market.pay(rental)

    assert (refused.status_code, refused.json()["code"]) == (503, "payment_unavailable")
    assert int(refused["Retry-After"]) >= 1
    assert market.see(rental)["state"] == "requested"
    assert market.see(rental)["payment_due_at"] >= due_at
    other = market.register(name="사다리")
    at_once = market.renter.post("/api/v1/rentals", {"item": other["id"], "payment_method": "pm_ok"}, format="json")
    assert (at_once.status_code, at_once.json()["code"]) == (503, "payment_unavailable")
    assert market.availability(other) == "available"
    assert market.request(other)["state"] == "requested"


def test_the_integrated_status_is_read_from_its_own_view(market: Market, drain: Callable[[], int]) -> None:
    item = market.register()
    rental = market.request(item)
    drain()
    Item.objects.filter(id=item["id"]).update(name="renamed behind the view's back")

    shown = market.manager.get(f"/api/v1/status/items/{item['id']}").json()
    RentalStatus.objects.filter(id=rental["id"]).delete()

    assert (shown["name"], shown["availability"], shown["current_rental"]["id"]) == ("충전 드릴", "reserved", rental["id"])
    assert market.renter.get(f"/api/v1/status/rentals/{rental['id']}").status_code == 404
