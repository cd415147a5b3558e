"""A neighbour at the desk: the manager books their own item for them and takes the money in cash."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.payments import facade as payments
from apps.payments.gateways.port import NotSentError
from apps.payments.models import Payment
from apps.rentals import domain
from apps.rentals.models import Guest, Rental
from gdmarket import failpoints, ids
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.factories.accounts import UserFactory
from tests.unit.payments.actions import balances, open_breaker, postings
from tests.unit.payments.fake_gateway import FakeGateway

WALK_IN = "/api/v1/rentals/walk-in"
GUEST = {"renter_name": "김철수", "contact": "010-1234-5678"}


def _book(market: Market, item: dict[str, Any], by: Any = None, *, key: str = "", **body: Any) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return (by or market.manager).post(WALK_IN, {"item": item["id"], **body}, format="json", headers=headers)


def _booked(market: Market, item: dict[str, Any], **body: Any) -> dict[str, Any]:
    answer = _book(market, item, **(body or GUEST))
    assert answer.status_code == 201, answer.content
    return dict(answer.json())


@pytest.fixture
def away(provider: FakeGateway) -> FakeGateway:
    """Return a provider that nobody can reach, with the breaker open."""
    provider.fails = {call: lambda: NotSentError("refused") for call in ("charge", "refund", "lookup", "void")}
    open_breaker()
    return provider


def test_a_guest_is_booked_and_paid_at_once_while_the_provider_is_away(market: Market, away: FakeGateway, drain: Drain) -> None:
    item = market.register()

    rental = _booked(market, item)

    assert (rental["state"], rental["in_cash"], rental["payment"]["state"], rental["price"]) == ("paid", True, "approved", 8_000)
    assert domain.is_guest(renter_id=UUID(rental["renter"]))
    assert not User.objects.filter(id=rental["renter"]).exists()
    drain()
    assert (market.availability(item), away.calls) == ("reserved", [])
    assert postings(UUID(rental["payment"]["id"])) == [("cash_taken", 8_000), ("earned", 8_000)]
    assert balances() == {"manager_payable": -8_000, "manager_cash": 8_000}


def test_the_manager_alone_sees_who_the_guest_is_and_no_event_tells(market: Market, drain: Drain) -> None:
    rental = _booked(market, market.register())
    drain()

    assert market.manager.get(f"/api/v1/rentals/{rental['id']}").json()["guest"] == {"name": "김철수", "contact": "010-1234-5678"}
    assert market.renter.get(f"/api/v1/rentals/{rental['id']}").status_code == 404
    assert not [event for event in Event.objects.all() if "김철수" in str(event.payload) or "010-1234" in str(event.payload)]


def test_somebody_with_an_account_has_the_rental_as_any_other(market: Market, drain: Drain) -> None:
    neighbour = User.objects.get(id=market.see(market.request(market.register()))["renter"])

    rental = _booked(market, market.register(), renter_email=neighbour.email.upper())
    drain()

    assert rental["renter"] == str(neighbour.pk)
    seen = market.renter.get(f"/api/v1/rentals/{rental['id']}").json()
    assert (seen["state"], seen["in_cash"], seen["guest"]) == ("paid", True, None)
    status = market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()
    assert (status["in_cash"], status["money"]["paid"], status["turn"]) == (True, 8_000, "manager")
    facts = [entry["fact"] for entry in status["timeline"]]
    assert facts == ["RentalRequested", "RentalPaymentStarted", "PaymentApproved", "RentalPaid", "RentalPeriodBegan"]
    assert [entry["fact"] for entry in status["timeline"] if entry.get("in_cash")] == ["RentalPaymentStarted"]


def test_a_walk_in_goes_its_way_to_the_return(market: Market, drain: Drain) -> None:
    rental = _booked(market, market.register())
    assert market.command(market.manager, rental, "handover").json()["state"] == "rented"
    assert market.command(market.manager, rental, "return").json()["state"] == "returned"
    drain()
    assert balances() == {"manager_payable": -8_000, "manager_cash": 8_000}


def test_a_cancel_gives_the_cash_back_without_the_provider(market: Market, away: FakeGateway, drain: Drain) -> None:
    item = market.register()
    rental = _booked(market, item)

    answer = market.command(market.manager, rental, "cancel")
    drain()

    assert (answer.status_code, answer.json()["state"], away.calls) == (200, "cancelled", [])
    status = market.manager.get(f"/api/v1/status/rentals/{rental['id']}").json()
    assert (status["money"]["refunded"], market.availability(item)) == (8_000, "available")
    assert [entry["fact"] for entry in status["timeline"] if entry.get("in_cash")] == ["RentalPaymentStarted", "RentalRefundDue"]
    assert postings(UUID(rental["payment"]["id"])) == [
        ("cash_given", 8_000),
        ("cash_taken", 8_000),
        ("earned", 8_000),
        ("refund_due", 8_000),
    ]
    assert balances() == {}


def test_the_renter_may_pay_by_card_instead_and_has_the_cash_back(market: Market, drain: Drain) -> None:
    renter = User.objects.get(id=market.see(market.request(market.register()))["renter"])
    rental = _booked(market, market.register(), renter_email=renter.email)

    assert market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment").json()["state"] == "requested"
    paid = market.pay(rental).json()
    drain()

    assert (paid["state"], paid["in_cash"]) == ("paid", False)
    assert balances() == {"manager_payable": -8_000, "provider_clearing": 8_000}


def test_a_repeated_booking_is_made_once(market: Market, drain: Drain) -> None:
    item = market.register()
    first, again = (_book(market, item, key="desk-1", **GUEST) for _ in range(2))
    assert (first.status_code, again.status_code, first.json()["id"]) == (201, 201, again.json()["id"])
    assert (Rental.objects.count(), Guest.objects.count(), Payment.objects.count()) == (1, 1, 1)


@pytest.mark.parametrize("step", ["rentals.pay.started", "payments.charge.unsent", "payments.charge.answered", "payments.charge.recorded"])
def test_who_dies_at_any_step_leaves_a_paid_rental(
    market: Market, drain: Drain, pass_time: PassTime, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    class Died(BaseException):
        """The process is gone."""

    def die(point: str) -> None:
        if point == step:
            raise Died

    item = market.register()
    with monkeypatch.context() as patched:
        patched.setattr(failpoints, "hit", die)
        with pytest.raises(Died):
            _book(market, item, **GUEST)

    pass_time(minutes=1)
    drain()

    rental = Rental.objects.get()
    assert (rental.state, rental.in_cash) == ("paid", True)
    assert balances() == {"manager_payable": -8_000, "manager_cash": 8_000}


def test_what_is_taken_is_refused_with_the_next_free_period_and_keeps_no_guest(market: Market) -> None:
    item = market.register()
    market.request(item)

    answer = _book(market, item, **GUEST)

    assert (answer.status_code, answer.json()["code"], Guest.objects.count()) == (409, "period_taken", 0)
    free = answer.json()["next_free"]
    assert _book(market, item, **GUEST, **free).status_code == 201


def test_who_holds_the_item_already_is_told_so(market: Market) -> None:
    item = market.register()
    rental = market.request(item)
    email = User.objects.get(id=rental["renter"]).email
    answer = _book(market, item, renter_email=email)
    assert (answer.status_code, answer.json()["code"], answer.json()["rental"]) == (409, "already_requested", rental["id"])


def test_a_walk_in_stands_in_the_way_of_a_request(market: Market) -> None:
    item = market.register()
    _booked(market, item)
    answer = market.renter.post("/api/v1/rentals", {"item": item["id"]}, format="json")
    assert (answer.status_code, answer.json()["code"]) == (409, "period_taken")


def test_what_renters_may_hold_unpaid_does_not_matter_at_the_desk(market: Market) -> None:
    held = [market.request(market.register()) for _ in range(3)]
    email = User.objects.get(id=held[0]["renter"]).email
    assert _booked(market, market.register(), renter_email=email)["state"] == "paid"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "renter_not_named"),
        ({"renter_name": "김철수", "renter_email": "a@example.com"}, 400, "renter_not_named"),
        ({"renter_name": "\u200b"}, 400, "blank"),
        ({"renter_email": "nobody@example.com"}, 400, "renter_not_found"),
        ({"renter_email": "no address"}, 400, "invalid"),
        ({**GUEST, "expected_price": 1}, 409, "price_changed"),
        ({**GUEST, "ends_at": "2020-01-01T00:00:00Z"}, 400, "period_reversed"),
        ({**GUEST, "payment_method": "pm_ok"}, 400, "unknown_field"),
    ],
)
def test_a_booking_that_is_not_right_is_refused_and_nothing_happens(market: Market, body: dict[str, Any], status: int, code: str) -> None:
    answer = _book(market, market.register(), **body)
    assert answer.status_code == status, answer.content
    assert code in {answer.json()["code"], *(error["code"] for error in answer.json().get("errors", []))}
    assert (Rental.objects.count(), Guest.objects.count(), Payment.objects.count()) == (0, 0, 0)


def test_nobody_but_the_items_own_manager_books_at_the_desk(market: Market, as_user: Any) -> None:
    item = market.register()
    manager, other = User.objects.get(id=item["manager"]), as_user(UserFactory(item_manager=True))

    assert _book(market, item, other, **GUEST).json()["code"] == "not_the_manager"
    assert _book(market, item, market.renter, **GUEST).status_code == 403
    assert _book(market, item, market.anyone, **GUEST).status_code == 401
    User.objects.filter(id=manager.pk).update(is_renter=True)
    assert _book(market, item, renter_email=manager.email).json()["code"] == "own_item"
    market.manager.delete(f"/api/v1/items/{item['id']}")
    assert _book(market, item, **GUEST).json()["code"] == "item_withdrawn"
    assert Rental.objects.count() == 0


def test_who_has_an_account_is_told_of_an_own_item_alone_and_not_without_end(market: Market, as_user: Any, settings: Settings) -> None:
    item, other = market.register(), as_user(UserFactory(item_manager=True))
    for who, item_id, code in ((other, item["id"], "not_the_manager"), (market.manager, str(ids.uuid7()), "item_not_found")):
        answer = _book(market, {"id": item_id}, who, renter_email="nobody@example.com")
        assert answer.json()["code"] == code

    settings.GDMARKET_THROTTLE_WALK_INS = "3/day"
    codes = [_book(market, item, renter_email="nobody@example.com").json()["code"] for _ in range(4)]

    assert codes[0] == "renter_not_found"
    assert codes[-1] == "throttled"


def test_walk_ins_that_a_renter_cancels_do_not_keep_them_from_requesting(market: Market, drain: Drain, settings: Settings) -> None:
    settings.GDMARKET_CANCELLED_PAYMENTS = 1
    first = market.request(market.register())
    email = User.objects.get(id=first["renter"]).email
    for how in ("cancel", "payment", "cancel"):
        booked = _booked(market, market.register(), renter_email=email)
        address = f"/api/v1/rentals/{booked['id']}/{how}"
        assert (market.renter.delete(address) if how == "payment" else market.renter.post(address)).status_code == 200
        drain()

    assert market.request(market.register())["state"] == "requested"
    market.pay(first)
    market.command(market.renter, first, "cancel")
    refused = market.renter.post("/api/v1/rentals", {"item": market.register()["id"]}, format="json")
    assert refused.json()["code"] == "too_many_cancelled"


def test_who_is_no_renter_or_not_active_is_nobody_to_book_for(market: Market) -> None:
    item = market.register()
    for person in (UserFactory(item_manager=True), UserFactory(is_active=False)):
        assert _book(market, item, renter_email=person.email).json()["code"] == "renter_not_found"


def test_a_renter_cannot_pay_by_saying_cash(market: Market) -> None:
    item = market.register()
    asked = market.renter.post("/api/v1/rentals", {"item": item["id"], "payment_method": "cash"}, format="json")
    rental = market.request(item)
    assert (asked.json()["code"], market.pay(rental, "cash").json()["code"]) == ("unknown_payment_method",) * 2
    assert not payments.accepts(method="cash")


def test_the_desk_shows_the_guests_name_and_says_where_the_money_goes(market: Market, drain: Drain) -> None:
    rental = _booked(market, market.register())
    drain()
    desk = Client()
    desk.force_login(User.objects.get(is_item_manager=True))

    assert "김철수" in desk.get("/admin/rentals/rental/").content.decode()
    assert "김철수" in desk.get(f"/admin/rentals/rental/{rental['id']}/change/").content.decode()
    assert (
        "₩8,000 in cash: hand it back to the renter at the desk"
        in desk.get(f"/admin/rentals/rental/{rental['id']}/cancel/").content.decode()
    )


def _found_at_the_desk(person: Any, words: str) -> list[str]:
    desk = Client()
    desk.force_login(person)
    return [str(rental.pk) for rental in desk.get("/admin/rentals/rental/", {"q": words}).context["cl"].result_list]


def test_a_guest_is_found_at_the_desk_by_name_and_contact(market: Market, drain: Drain) -> None:
    item = market.register()
    rental = _booked(market, item)
    _booked(market, market.register(), renter_name="박영희")
    manager, operator = User.objects.get(id=item["manager"]), UserFactory(operator=True)
    stranger = UserFactory(item_manager=True)

    for words in ("김 철수", "철수 드릴", "1234", "01012345678"):
        assert _found_at_the_desk(manager, words) == _found_at_the_desk(operator, words) == [rental["id"]]
        assert _found_at_the_desk(stranger, words) == []
    assert _found_at_the_desk(manager, "김민수") == []
