"""Every failure of the saga, and its compensation."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from pytest_django import Settings

from apps.payments.models import Payment
from gdmarket import clock
from gdmarket.bus import dead_letters, subscriptions
from gdmarket.ids import uuid7
from tests.acceptance.conftest import Drain, Market, PassTime
from tests.log import recorded


def test_after_a_declined_card_the_hold_stands_and_another_card_may_be_tried(market: Market) -> None:
    item = market.register()
    rental = market.request(item)

    refused = market.pay(rental, "pm_declined")

    assert (refused.status_code, refused.json()["code"]) == (402, "payment_declined")
    assert refused.json()["rental"]["state"] == "requested"
    assert refused.json()["rental"]["payment_due_at"] == rental["payment_due_at"]
    assert market.availability(item) == "reserved"
    assert market.pay(rental).json()["state"] == "paid"


def test_a_request_paid_with_a_declined_card_still_holds_the_item(market: Market) -> None:
    item = market.register()

    refused = market.renter.post("/api/v1/rentals", {"item": item["id"], "payment_method": "pm_declined"}, format="json")

    assert refused.status_code == 402
    assert refused.json()["rental"]["payment"]["state"] == "declined"
    assert market.see(refused.json()["rental"])["state"] == "requested"


def test_a_rental_can_be_requested_and_paid_in_one_call(market: Market) -> None:
    answer = market.renter.post("/api/v1/rentals", {"item": market.register()["id"], "payment_method": "pm_ok"}, format="json")

    assert (answer.status_code, answer.json()["state"]) == (201, "paid")
    assert answer["Location"].endswith(answer.json()["id"])


def test_a_payment_that_was_certainly_not_sent_is_a_503_and_keeps_the_hold(market: Market) -> None:
    item = market.register()
    rental = market.request(item)

    refused = market.pay(rental, "pm_down")

    assert (refused.status_code, refused.json()["code"]) == (503, "payment_unavailable")
    assert refused.json()["rental"]["state"] == "requested"
    assert market.see(rental)["payment"]["state"] == "not_sent"
    assert market.availability(item) == "reserved"


def test_an_unknown_payment_that_was_charged_is_booked_once_the_provider_is_asked_again(
    market: Market, drain: Drain, pass_time: PassTime, settings: Settings
) -> None:
    settings.GDMARKET_PAYMENT_TIMEOUT_MS = 100
    rental = market.request(market.register())

    answer = market.pay(rental, "pm_lost")
    assert (answer.status_code, answer.json()["state"]) == (202, "paying")
    pass_time(minutes=1)
    drain()

    assert (market.see(rental)["state"], market.see(rental)["payment"]["state"]) == ("paid", "approved")


def test_an_unknown_payment_that_was_not_charged_lets_the_renter_try_again(market: Market, drain: Drain, pass_time: PassTime) -> None:
    rental = market.request(market.register())
    assert market.pay(rental, "pm_error").status_code == 202

    pass_time(minutes=20)
    drain()

    seen = market.see(rental)
    assert (seen["state"], seen["payment"]["state"]) == ("requested", "not_sent")
    assert market.pay(rental).json()["state"] == "paid"


def test_while_a_payment_is_unknown_no_second_one_is_made(market: Market) -> None:
    rental = market.request(market.register())
    market.pay(rental, "pm_error")

    refused = market.pay(rental)

    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "wrong_state", "paying")
    assert Payment.objects.filter(rental_id=rental["id"]).count() == 1


def test_a_cancel_while_the_payment_is_unknown_refunds_it_if_it_was_charged(
    market: Market, drain: Drain, pass_time: PassTime, settings: Settings
) -> None:
    settings.GDMARKET_PAYMENT_TIMEOUT_MS = 100
    item = market.register()
    rental = market.request(item)
    market.pay(rental, "pm_lost")

    answer = market.command(market.renter, rental, "cancel")
    assert (answer.status_code, answer.json()["state"], answer.json()["cancel_requested"]) == (202, "paying", True)
    pass_time(minutes=1)
    drain()

    seen = market.see(rental)
    assert (seen["state"], seen["payment"]["state"]) == ("cancelled", "refunded")
    assert market.availability(item) == "available"


def test_a_cancel_while_the_payment_is_unknown_costs_nothing_if_it_was_not_charged(
    market: Market, drain: Drain, pass_time: PassTime
) -> None:
    rental = market.request(market.register())
    market.pay(rental, "pm_error")
    market.command(market.renter, rental, "cancel")

    pass_time(minutes=1)
    drain()

    assert market.see(rental)["state"] == "cancelled"
    assert Payment.objects.get(rental_id=rental["id"]).refunded == 0


def test_a_cancel_when_paid_refunds_in_the_same_call(market: Market) -> None:
    item = market.register()
    rental = market.request(item)
    market.pay(rental)

    answer = market.command(market.renter, rental, "cancel")

    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    payment = Payment.objects.get(rental_id=rental["id"])
    assert (payment.state, payment.refunded) == ("refunded", payment.amount)
    assert market.availability(item) == "available"


def test_a_refund_waits_for_payments_and_then_goes_through(market: Market, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    subscriptions.pause(context="payments")

    answer = market.command(market.manager, rental, "cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "refunding")
    subscriptions.resume(context="payments")
    drain()

    assert market.see(rental)["state"] == "cancelled"


def test_a_payment_cancel_that_is_followed_by_a_cancel_ends_the_rental(market: Market, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    subscriptions.pause(context="payments")
    assert market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment").status_code == 202

    assert market.command(market.renter, rental, "cancel").status_code == 202
    subscriptions.resume(context="payments")
    drain()

    assert market.see(rental)["state"] == "cancelled"
    assert Payment.objects.get(rental_id=rental["id"]).state == "refunded"


def test_a_request_for_an_item_withdrawn_meanwhile_is_cancelled_and_refunded(market: Market, drain: Drain) -> None:
    item = market.register()
    drain()
    subscriptions.pause(context="items")
    subscriptions.pause(context="rentals")
    assert market.manager.delete(f"/api/v1/items/{item['id']}").status_code == 204
    answer = market.renter.post("/api/v1/rentals", {"item": item["id"], "payment_method": "pm_ok"}, format="json")
    assert answer.json()["state"] == "paid"

    subscriptions.resume(context="items")
    subscriptions.resume(context="rentals")
    drain()

    seen = market.see(answer.json())
    assert (seen["state"], seen["payment"]["state"]) == ("cancelled", "refunded")


def test_a_rental_whose_server_died_before_the_charge_can_be_paid_again(market: Market, drain: Drain, pass_time: PassTime) -> None:
    rental = market.request(market.register())
    from apps.rentals.services import paying  # noqa: PLC0415  # the step a dying server got to

    paying._start_payment(
        rental_id=UUID(rental["id"]), by=UUID(rental["renter"]), wait_s=0, operation_id=uuid7(), method="pm_ok", now=clock.now()
    )
    assert market.see(rental)["state"] == "paying"
    pass_time(minutes=1)
    drain()

    assert (market.see(rental)["state"], market.see(rental)["payment"]["state"]) == ("requested", "not_sent")
    assert market.pay(rental).json()["state"] == "paid"


def test_a_payment_that_is_still_unknown_cannot_be_cancelled_by_itself(market: Market, drain: Drain, pass_time: PassTime) -> None:
    rental = market.request(market.register())
    market.pay(rental, "pm_error")

    refused = market.renter.delete(f"/api/v1/rentals/{rental['id']}/payment")
    pass_time(minutes=1)
    drain()

    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "wrong_state", "paying")
    assert market.see(rental)["state"] == "requested"
    assert dead_letters.list_dead() == []


def test_a_cancel_during_the_charge_wins_and_the_payment_is_a_409(market: Market, drain: Drain) -> None:
    rental = market.request(market.register())
    with ThreadPoolExecutor(max_workers=1) as threads:

        def pay() -> Any:
            try:
                return market.pay(rental, "pm_slow")
            finally:
                connections.close_all()

        paying = threads.submit(pay)
        while market.see(rental)["state"] != "paying":
            time.sleep(0.02)
        assert market.command(market.renter, rental, "cancel").status_code == 202
        answer = paying.result()
    drain()

    assert (answer.status_code, answer.json()["code"]) == (409, "wrong_state")
    assert (market.see(rental)["state"], Payment.objects.get().state) == ("cancelled", "refunded")


@pytest.mark.parametrize("command", ["cancel", "handover", "return"])
def test_a_rental_that_ended_refuses_every_command(market: Market, command: str) -> None:
    rental = market.request(market.register())
    market.command(market.renter, rental, "cancel")
    version = market.see(rental)["version"]

    refused = market.command(market.manager, rental, command)

    assert (refused.status_code, refused.json()["code"], refused.json()["state"]) == (409, "wrong_state", "cancelled")
    assert market.see(rental)["version"] == version


def test_each_fact_of_a_rental_has_the_version_of_its_stream(market: Market, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental, "pm_declined")
    market.pay(rental)
    market.command(market.manager, rental, "handover")
    market.command(market.manager, rental, "return")
    drain()

    from config.subscriptions import SUBSCRIPTIONS  # noqa: PLC0415  # every event there is

    facts = [fact for fact in recorded(list(SUBSCRIPTIONS)) if fact.stream == f"rental:{rental['id']}"]
    assert [fact.version for fact in facts] == list(range(1, len(facts) + 1))
    assert [fact.event.version for fact in facts] == list(range(1, len(facts) + 1))
    assert market.see(rental)["version"] == len(facts)
