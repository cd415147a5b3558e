"""Sums that the payment provider never takes, and what is told of payments that came to nothing."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import Settings

from apps.payments.events import PaymentNotSent, PaymentPartlyRefunded, PaymentRefunded
from apps.payments.gateways.port import NotSentError, RefusedError
from apps.payments.models import Payment
from apps.rentals.events import RentalHoldProlonged, RentalPaymentFailed, RentalPaymentStarted, RentalRequested
from apps.rentals.models import Rental
from gdmarket.bus.models import Delivery
from tests.acceptance.conftest import Drain, Market
from tests.acceptance.webhooks import payment_of
from tests.factories.accounts import UserFactory
from tests.log import recorded
from tests.unit.payments.fake_gateway import FakeGateway

FACTS = [RentalRequested, RentalPaymentStarted, RentalPaymentFailed, RentalHoldProlonged]


def timeline_of(market: Market, rental: dict[str, Any]) -> list[dict[str, Any]]:
    return list(market.renter.get(f"/api/v1/status/rentals/{rental['id']}").json()["timeline"])


@pytest.mark.parametrize("wish", [{}, {"payment_method": "pm_ok"}], ids=["to be paid later", "paid at once"])
@pytest.mark.parametrize(
    ("limits", "code", "limit"), [((8_001, None), "amount_too_small", 8_001), ((None, 7_999), "amount_too_large", 7_999)]
)
def test_a_sum_that_the_provider_never_takes_is_refused_before_anything_is_held(
    market: Market,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    wish: dict[str, str],
    limits: tuple[int | None, int | None],
    code: str,
    limit: int,
) -> None:
    item = market.register()
    settings.GDMARKET_PAYMENT_AMOUNTS = {"KRW": limits, "USD": (1, 1)}

    refused = market.renter.post("/api/v1/rentals", {"item": item["id"], **wish}, format="json")

    assert (refused.status_code, refused.json()["code"]) == (402, code)
    assert (refused.json()["amount"], refused.json()["currency"], refused.json()["limit"]) == (8_000, "KRW", limit)
    assert f"{limit:,} KRW: request the item for a" in refused.json()["detail"]
    assert (Rental.objects.count(), Payment.objects.count(), recorded(FACTS)) == (0, 0, [])
    assert market.availability(item) == "available"
    assert not [line for line in caplog.records if line.levelno >= logging.ERROR]


def test_the_first_and_the_last_sum_that_the_provider_takes_are_taken(market: Market, settings: Settings) -> None:
    settings.GDMARKET_PAYMENT_AMOUNTS = {"KRW": (8_000, 8_000)}

    assert market.request(market.register(), payment_method="pm_ok")["state"] == "paid"


def test_the_limits_that_the_provider_documents_hold_unless_the_settings_say_otherwise(
    market: Market, provider: FakeGateway, settings: Settings
) -> None:
    provider.amounts = {"KRW": (8_001, None)}
    item = market.register()

    refused = market.renter.post("/api/v1/rentals", {"item": item["id"]}, format="json")
    settings.GDMARKET_PAYMENT_AMOUNTS = {"KRW": (8_000, None)}

    assert (refused.status_code, refused.json()["code"]) == (402, "amount_too_small")
    assert market.request(item, payment_method="pm_ok")["state"] == "paid"


def test_a_sum_that_is_not_taken_any_more_is_refused_without_an_attempt(market: Market, settings: Settings) -> None:
    rental = market.see(market.request(market.register()))
    settings.GDMARKET_PAYMENT_AMOUNTS = {"KRW": (None, 100)}

    refused = market.pay(rental)

    assert (refused.status_code, refused.json()["code"]) == (402, "amount_too_large")
    assert (market.see(rental), Payment.objects.count()) == (rental, 0)


@pytest.mark.parametrize("code", ["amount_too_small", "amount_too_large"])
def test_a_sum_that_the_provider_itself_refuses_is_a_402_that_says_so_and_prolongs_nothing(
    market: Market, provider: FakeGateway, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    provider.declines = code
    rental = market.request(market.register())

    refused = market.pay(rental)

    assert (refused.status_code, refused.json()["code"]) == (402, code)
    assert refused.json()["rental"]["payment_due_at"] == rental["payment_due_at"]
    assert "ERROR" not in caplog.text
    assert "Retry-After" not in refused.headers


def test_what_the_provider_refuses_prolongs_nothing_and_what_it_cannot_take_does(market: Market, provider: FakeGateway) -> None:
    rental = market.request(market.register())
    Rental.objects.update(payment_due_at=datetime.now(UTC) + timedelta(minutes=1))
    due = market.see(rental)["payment_due_at"]

    provider.fails["charge"] = lambda: RefusedError("UNAUTHORIZED_KEY")
    refused = market.pay(rental)
    after_refusal = market.see(rental)["payment_due_at"]
    provider.fails["charge"] = lambda: NotSentError("connection_refused")
    market.pay(rental)

    assert refused.status_code == 503
    assert after_refusal == due
    assert market.see(rental)["payment_due_at"] > due


def test_a_payment_that_was_never_sent_is_told_as_that_and_not_as_declined(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    provider.fails["charge"] = lambda: NotSentError("connection_refused")
    market.pay(rental)
    drain()

    told = [entry["fact"] for entry in timeline_of(market, rental)]

    assert told == ["RentalRequested", "RentalPaymentStarted", "PaymentNotSent", "RentalPaymentFailed"]
    (fact,) = recorded([PaymentNotSent])
    assert (fact.event.state, fact.event.provider_failed) == ("not_sent", True)


def test_the_timeline_tells_the_part_that_was_refunded_and_then_the_rest(market: Market, provider: FakeGateway, drain: Drain) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    by = UserFactory(operator=True).email
    call_command("refund_payment", str(payment_of(rental).id), "3000", reason="it was late", by=by, verbosity=0)
    market.command(market.renter, rental, "cancel")
    drain()

    told = {entry["fact"]: entry["amount"] for entry in timeline_of(market, rental) if entry["source"] == "payment"}

    assert told == {"PaymentApproved": 8_000, "PaymentPartlyRefunded": 3_000, "PaymentRefunded": 5_000}
    assert [fact.event.refund_amount for fact in recorded([PaymentPartlyRefunded, PaymentRefunded])] == [3_000, 5_000]
    call_command("check_status_view", verbosity=0)
    assert not Delivery.objects.filter(dead=True).exists()
