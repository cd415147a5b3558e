"""The limits hold when requests come back to back from many processes, under as many idempotency keys; with negative controls."""

import contextlib
from collections.abc import Callable
from functools import partial
from threading import Barrier, BrokenBarrierError
from typing import Any
from uuid import UUID, uuid4

import pytest
from pytest_django import Settings

from apps.rentals.models import Rental, Renter
from apps.rentals.services import limits
from gdmarket import breaker
from tests.acceptance.conftest import Market
from tests.unit.payments.actions import PATIENCE_S, concurrently
from tests.unit.payments.fake_gateway import FakeGateway

AT_ONCE = 8


def request_at_once(market: Market, items: list[dict[str, Any]]) -> list[Any]:
    def ask(item: dict[str, Any]) -> Any:
        key = {"Idempotency-Key": str(uuid4())}
        return market.renter.post("/api/v1/rentals", {"item": item["id"]}, format="json", headers=key)

    return concurrently([partial(ask, item) for item in items])


def pay_at_once(market: Market, rentals: list[dict[str, Any]]) -> list[Any]:
    return concurrently([partial(market.pay, rental) for rental in rentals])


def without_the_lock(monkeypatch: pytest.MonkeyPatch, *, check: str, parties: int) -> None:
    """Take the renter's lock away, and let as many transactions pass a check before one of them commits."""
    meeting, passes = Barrier(parties), getattr(limits, check)

    def read_renter(*, renter_id: UUID) -> Renter:
        return Renter.objects.filter(renter_id=renter_id).first() or Renter(renter_id=renter_id)

    def pass_together(*args: Any, **kwargs: Any) -> None:
        passes(*args, **kwargs)
        with contextlib.suppress(BrokenBarrierError):
            meeting.wait(PATIENCE_S)

    monkeypatch.setattr(limits, "lock_renter", read_renter)
    monkeypatch.setattr(limits, check, pass_together)


def test_requests_at_once_hold_no_more_than_is_allowed(market: Market) -> None:
    items = [market.register(name=f"물건 {number}") for number in range(AT_ONCE)]

    answers = request_at_once(market, items)

    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * (AT_ONCE - 3)
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"too_many_unpaid_holds"}
    assert Rental.objects.count() == 3


@pytest.mark.postgresql
def test_without_the_lock_requests_at_once_hold_more(market: Market, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [market.register(name=f"물건 {number}") for number in range(AT_ONCE)]
    without_the_lock(monkeypatch, check="check_holds", parties=AT_ONCE)

    answers = request_at_once(market, items)

    assert [answer.status_code for answer in answers].count(201) > 3


def test_payments_cancelled_at_once_leave_no_more_holds_than_are_allowed(market: Market) -> None:
    rentals = [market.request(market.register(name=f"물건 {number}"), payment_method="pm_ok") for number in range(AT_ONCE)]

    concurrently([partial(market.renter.delete, f"/api/v1/rentals/{rental['id']}/payment") for rental in rentals])

    assert Rental.objects.filter(state="requested").count() <= 3
    assert Rental.objects.filter(state__in=["refunding", "cancelled"], cancel_requested=True).count() >= AT_ONCE - 3


def test_declined_cards_tried_at_once_reach_the_provider_no_more_often_than_is_allowed(
    market: Market, provider: FakeGateway, settings: Settings
) -> None:
    provider.declines = "card_declined"
    settings.GDMARKET_DECLINES_PER_RENTER = 6
    rentals = [market.request(market.register(name=f"물건 {number}")) for number in range(3)]

    for _ in range(4):
        pay_at_once(market, rentals * 2)

    assert provider.calls.count("charge") == 6
    assert {answer.status_code for answer in pay_at_once(market, rentals)} == {429}


@pytest.mark.postgresql
def test_without_the_lock_more_cards_are_tried(
    market: Market, provider: FakeGateway, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider.declines = "card_declined"
    settings.GDMARKET_DECLINES_PER_RENTER = 2
    rentals = [market.request(market.register(name=f"물건 {number}")) for number in range(3)]
    market.pay(rentals[0])
    without_the_lock(monkeypatch, check="check_declines", parties=3)

    pay_at_once(market, rentals)

    assert provider.calls.count("charge") > 2


def test_forty_declined_cards_on_one_rental_are_five_and_then_429(market: Market, caplog: pytest.LogCaptureFixture) -> None:
    rental = market.request(market.register())

    answers = [market.pay(rental, "pm_declined") for _ in range(40)]

    assert [answer.status_code for answer in answers] == [402] * 5 + [429] * 35
    assert {answer.json()["code"] for answer in answers[5:]} == {"too_many_declines"}
    assert all(3500 < int(answer.headers["Retry-After"]) <= 3600 for answer in answers[5:])
    assert market.see(rental)["payment_due_at"] == rental["payment_due_at"]
    assert "ERROR" not in caplog.text


@pytest.mark.usefixtures("long_sessions")
def test_declines_on_many_rentals_add_up_for_the_renter_alone(market: Market, pass_time: Any, drain: Callable[[], int]) -> None:
    rentals = [market.request(market.register(name=f"물건 {number}")) for number in range(3)]
    codes = [market.pay(rental, "pm_declined").json()["code"] for rental in rentals * 4]

    assert codes == ["payment_declined"] * 10 + ["too_many_declines"] * 2
    item = market.register(name="다른 것")
    before = Rental.objects.count()
    refused = market.renter.post("/api/v1/rentals", {"item": item["id"], "payment_method": "pm_ok"}, format="json")
    assert (refused.status_code, refused.json()["code"], Rental.objects.count()) == (429, "too_many_declines", before)
    by_another = market.neighbour.post("/api/v1/rentals", {"item": item["id"], "payment_method": "pm_declined"}, format="json")
    assert (by_another.status_code, by_another.json()["code"]) == (402, "payment_declined")

    pass_time(minutes=61)
    drain()
    breaker.reset()
    again = market.renter.post("/api/v1/rentals", {"item": market.register()["id"], "payment_method": "pm_ok"}, format="json")
    assert (again.status_code, again.json()["state"]) == (201, "paid")
