"""A webhook that arrives before the answer of its charge: one legal outcome, whichever comes first."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from pytest_django import Settings

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.models import Payment
from apps.payments.services import checking
from gdmarket import clock
from tests.acceptance.conftest import Drain, Market
from tests.acceptance.webhooks import count_noticed, ledger_entries, outcomes, payment_of, send_webhook
from tests.unit.payments.actions import concurrently, in_another_thread
from tests.unit.payments.fake_gateway import FakeGateway

CHARGED = [("charged", 8_000), ("earned", 8_000)]


@pytest.fixture
def rental(market: Market, provider: FakeGateway) -> dict[str, Any]:
    return market.request(market.register())


def webhook(rental: dict[str, Any]) -> Callable[[], object]:
    """Return a function that sends a webhook about the rental, on a connection of its own."""
    return lambda: in_another_thread(lambda: send_webhook(order=rental["id"]).status_code)


def assert_paid_once(market: Market, rental: dict[str, Any]) -> None:
    assert market.see(rental)["state"] == "paid"
    assert (payment_of(rental).state, outcomes(), ledger_entries()) == ("approved", ["PaymentApproved"], CHARGED)


def test_the_webhook_wins(market: Market, provider: FakeGateway, rental: dict[str, Any]) -> None:
    provider.on_answer["charge"] = webhook(rental)

    answer = market.pay(rental)

    assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    assert provider.calls == ["charge", "lookup"]
    assert_paid_once(market, rental)


def test_the_webhook_wins_and_the_answer_is_lost(market: Market, provider: FakeGateway, rental: dict[str, Any]) -> None:
    provider.on_answer["charge"] = webhook(rental)
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")

    answer = market.pay(rental)

    assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    assert_paid_once(market, rental)


def test_the_answer_wins(market: Market, provider: FakeGateway, rental: dict[str, Any], settings: Settings, drain: Drain) -> None:
    settings.GDMARKET_DISPATCH = "off"
    provider.on_answer["charge"] = webhook(rental)
    assert market.pay(rental).json()["state"] == "paid"
    assert count_noticed() == 1

    drain()

    assert provider.calls == ["charge"]
    assert_paid_once(market, rental)


def test_another_check_settles_the_payment_while_the_webhook_asks(market: Market, provider: FakeGateway, rental: dict[str, Any]) -> None:
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")
    market.pay(rental)
    provider.loses.clear()
    payment = payment_of(rental)

    def settle_first() -> None:
        provider.on_answer.clear()
        in_another_thread(lambda: checking.check_payment(payment_id=payment.id, now=clock.now()))

    provider.on_answer["lookup"] = settle_first
    send_webhook(key=payment.id)

    assert provider.calls == ["charge", "lookup", "lookup"]
    assert_paid_once(market, rental)


def test_a_webhook_with_a_decline_wins(market: Market, provider: FakeGateway, rental: dict[str, Any]) -> None:
    provider.declines = "card_declined"
    provider.on_answer["charge"] = webhook(rental)

    answer = market.pay(rental)

    assert (answer.status_code, answer.json()["code"]) == (402, "payment_declined")
    assert (payment_of(rental).state, outcomes(), ledger_entries()) == ("declined", ["PaymentDeclined"], [])


@pytest.mark.parametrize("there", [None, ChargeRecord(status=ChargeStatus.PROCESSING)])
def test_a_forged_webhook_never_voids_a_charge_in_flight(
    market: Market, provider: FakeGateway, rental: dict[str, Any], there: ChargeRecord | None
) -> None:
    def forge() -> None:
        if there:
            provider.records[payment_of(rental).id] = there
        for _ in range(3):
            webhook(rental)()
        provider.records.clear()

    provider.on_arrival["charge"] = forge

    answer = market.pay(rental)

    assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    assert provider.calls == ["charge", "lookup"]
    assert_paid_once(market, rental)


def test_a_webhook_of_another_sum_settles_nothing(market: Market, provider: FakeGateway, rental: dict[str, Any]) -> None:
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")
    market.pay(rental)
    key = payment_of(rental).id
    provider.records[key] = replace(provider.records[key], amount=80_000)

    assert send_webhook(key=key).status_code == 204

    assert (payment_of(rental).state, outcomes(), ledger_entries()) == ("unknown", [], [])


def test_ten_webhooks_at_once_and_the_answer_pay_once(market: Market, provider: FakeGateway, rental: dict[str, Any]) -> None:
    provider.on_answer["charge"] = lambda: concurrently([lambda: send_webhook(order=rental["id"]).status_code] * 10)

    answer = market.pay(rental)

    assert (answer.status_code, answer.json()["state"]) == (200, "paid")
    assert Payment.objects.count() == 1
    assert_paid_once(market, rental)
