"""A request repeated because no answer came takes effect once."""

from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from apps.payments.models import Payment
from apps.rentals.errors import PaymentUnavailableError, WrongStateError
from apps.rentals.services import paying
from gdmarket import clock
from gdmarket.ids import uuid7
from gdmarket.rest.models import IdempotencyKey
from tests.acceptance.conftest import Drain, Market, PassTime


def test_a_command_repeated_after_a_crash_changes_nothing(market: Market) -> None:
    kept, cancelled = market.request(market.register()), market.request(market.register())
    for rental in (kept, cancelled):
        market.pay(rental)

    def repeat(who: APIClient, rental: dict[str, Any], command: str) -> list[tuple[int, str]]:
        path, key = f"/api/v1/rentals/{rental['id']}/{command}", {"Idempotency-Key": str(uuid7())}
        first = who.post(path, headers=key)
        # The process died after the change was committed and before the answer was kept.
        IdempotencyKey.objects.update(status=None, body=None, locked_until=clock.now())
        again = who.post(path, headers=key)
        return [(answer.status_code, answer.json()["state"]) for answer in (first, again)]

    assert repeat(market.manager, kept, "handover") == [(200, "rented")] * 2
    assert repeat(market.manager, kept, "return") == [(200, "returned")] * 2
    assert repeat(market.renter, cancelled, "cancel") == [(200, "cancelled")] * 2
    assert market.command(market.manager, kept, "return").status_code == 409


def test_a_declined_payment_repeated_after_a_crash_asks_the_provider_no_second_time(market: Market) -> None:
    rental, key = market.request(market.register()), {"Idempotency-Key": str(uuid7())}
    path = f"/api/v1/rentals/{rental['id']}/payment"
    for _ in range(2):
        answer = market.renter.post(path, {"payment_method": "pm_declined"}, format="json", headers=key)
        assert (answer.status_code, answer.json()["code"]) == (402, "payment_declined")
        IdempotencyKey.objects.update(status=None, body=None, locked_until=clock.now())

    assert Payment.objects.count() == 1


def test_a_202_answer_links_to_the_status(market: Market, drain: Drain, pass_time: PassTime) -> None:
    rental = market.request(market.register())
    path, key = f"/api/v1/rentals/{rental['id']}", {"Idempotency-Key": str(uuid7())}

    first = market.renter.post(f"{path}/payment", {"payment_method": "pm_error"}, format="json", headers=key)
    again = market.renter.post(f"{path}/payment", {"payment_method": "pm_error"}, format="json", headers=key)
    cancelled = market.command(market.renter, rental, "cancel")

    assert again["Idempotent-Replayed"] == "true"
    assert [answer.status_code for answer in (first, again, cancelled)] == [202] * 3
    seen_at = f"http://testserver/api/v1/status/rentals/{rental['id']}"
    assert {answer["Link"] for answer in (first, again, cancelled)} == {f'<{seen_at}>; rel="monitor"'}
    pass_time(minutes=20)
    drain()
    assert market.renter.get(seen_at).json()["state"] == "cancelled"


def test_a_202_answer_of_a_paid_request_links_to_the_status_and_a_201_does_not(market: Market) -> None:
    unknown, paid = (
        market.renter.post("/api/v1/rentals", {"item": market.register()["id"], "payment_method": method}, format="json")
        for method in ("pm_error", "pm_ok")
    )
    assert (unknown.status_code, unknown["Link"]) == (
        202,
        f'<http://testserver/api/v1/status/rentals/{unknown.json()["id"]}>; rel="monitor"',
    )
    assert (paid.status_code, "Link" in paid) == (201, False)
    assert "Link" not in market.command(market.renter, paid.json(), "cancel")


def test_a_repeated_payment_continues_the_attempt_it_began(market: Market) -> None:
    rental = market.request(market.register())
    first, second = uuid7(), uuid7()
    paid: dict[str, Any] = {"rental_id": UUID(rental["id"]), "by": UUID(rental["renter"]), "method": "pm_ok"}
    with pytest.raises(PaymentUnavailableError):
        paying.pay_rental(**{**paid, "method": "pm_down"}, operation_id=first, now=clock.now())
    paying.pay_rental(**paid, operation_id=first, now=clock.now())

    again = paying.pay_rental(**paid, operation_id=first, now=clock.now())

    assert again.state == "paid"
    assert Payment.objects.filter(rental_id=rental["id"], state="approved").count() == 1
    with pytest.raises(WrongStateError):
        paying.pay_rental(**paid, operation_id=second, now=clock.now())
