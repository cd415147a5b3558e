"""The provider's webhooks: each only causes a lookup, however often and whenever it arrives, and from whatever sender."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
import time_machine
from django.conf import settings as configured
from pytest_django import Settings

from apps.payments.gateways.port import NoAnswerError
from apps.payments.models import Payment
from config.wsgi import application
from gdmarket import clock, ids
from gdmarket.bus.models import Event
from tests.acceptance.conftest import Drain, Market
from tests.acceptance.test_contract import CHECKS
from tests.acceptance.test_hostile_input import assert_problem
from tests.acceptance.webhooks import count_noticed, ledger_entries, outcomes, payment_of, send_bytes, send_webhook
from tests.unit.payments.fake_gateway import FakeGateway

CHARGED = [("charged", 8_000), ("earned", 8_000)]


@pytest.fixture
def awaited(market: Market, provider: FakeGateway) -> dict[str, Any]:
    """Return a rental that was charged, though the answer to the charge was lost."""
    rental = market.request(market.register())
    provider.loses["charge"] = lambda: NoAnswerError("timed_out")
    assert market.pay(rental).status_code == 202
    provider.loses.clear()
    provider.calls.clear()
    return rental


@pytest.mark.parametrize("name", ["key", "order"])
def test_a_webhook_makes_the_market_ask_and_the_rental_is_paid(
    market: Market, provider: FakeGateway, awaited: dict[str, Any], name: str
) -> None:
    answer = send_webhook(key=payment_of(awaited).id) if name == "key" else send_webhook(order=awaited["id"])

    assert (answer.status_code, answer.content) == (204, b"")
    assert provider.calls == ["lookup"]
    assert (payment_of(awaited).state, market.see(awaited)["state"]) == ("approved", "paid")
    assert (outcomes(), ledger_entries()) == (["PaymentApproved"], CHARGED)


def test_a_webhook_that_comes_twice_pays_once(market: Market, provider: FakeGateway, awaited: dict[str, Any]) -> None:
    key = payment_of(awaited).id
    assert [send_webhook(key=key).status_code for _ in range(2)] == [204, 204]
    assert (provider.calls, outcomes(), ledger_entries()) == (["lookup"], ["PaymentApproved"], CHARGED)


def test_many_webhooks_at_once_cause_one_lookup(
    market: Market, provider: FakeGateway, awaited: dict[str, Any], drain: Drain, settings: Settings
) -> None:
    settings.GDMARKET_DISPATCH = "off"
    with time_machine.travel(clock.now(), tick=False):  # however long they take, all come within the 2 s in which one look-up is enough
        for _ in range(20):
            send_webhook(key=payment_of(awaited).id, order=awaited["id"])
    assert (count_noticed(), provider.calls) == (1, [])

    drain()

    assert (provider.calls, outcomes(), ledger_entries()) == (["lookup"], ["PaymentApproved"], CHARGED)
    assert market.see(awaited)["state"] == "paid"


def test_a_webhook_about_a_settled_payment_causes_no_lookup(market: Market, provider: FakeGateway) -> None:
    rental = market.request(market.register())
    market.pay(rental)
    provider.calls.clear()
    before = Event.objects.count()

    assert send_webhook(key=payment_of(rental).id).status_code == 204

    assert (provider.calls, Event.objects.count(), outcomes()) == ([], before, ["PaymentApproved"])


@pytest.mark.parametrize("about", [{"key": ids.uuid7()}, {"order": ids.uuid7()}, {}], ids=["key", "order", "nothing"])
def test_a_webhook_about_an_unknown_payment_changes_nothing(provider: FakeGateway, awaited: dict[str, Any], about: dict[str, Any]) -> None:
    before = Event.objects.count()
    assert send_webhook(**about).status_code == 204
    assert (provider.calls, Event.objects.count(), payment_of(awaited).state) == ([], before, "unknown")


def test_a_webhook_about_an_attempt_not_sent_yet_changes_nothing(provider: FakeGateway, awaited: dict[str, Any]) -> None:
    Payment.objects.update(state="pending", asked_at=None)
    assert send_webhook(key=payment_of(awaited).id).status_code == 204
    assert (provider.calls, count_noticed(), payment_of(awaited).state) == ([], 0, "pending")


def test_a_lookup_without_an_answer_is_repeated(
    market: Market, provider: FakeGateway, awaited: dict[str, Any], drain: Drain, pass_time: Callable[..., Any]
) -> None:
    provider.fails["lookup"] = lambda: NoAnswerError("timed_out")
    assert send_webhook(key=payment_of(awaited).id).status_code == 204
    assert (payment_of(awaited).state, provider.calls) == ("unknown", ["lookup"])
    provider.fails.clear()

    pass_time(seconds=2)
    drain()

    assert (market.see(awaited)["state"], outcomes()) == ("paid", ["PaymentApproved"])


@pytest.mark.parametrize("wrong", ["unsigned", "signed by another", "too old", "of tomorrow", "changed on the way", "empty"])
def test_a_webhook_with_a_wrong_signature_is_refused(provider: FakeGateway, awaited: dict[str, Any], wrong: str) -> None:
    key, before = payment_of(awaited).id, Event.objects.count()
    answers: dict[str, Callable[[], Any]] = {
        "unsigned": lambda: send_webhook(key=key, signed=""),
        "signed by another": lambda: send_webhook(key=key, signed="f" * 64),
        "too old": lambda: send_webhook(key=key, sent_at=clock.now() - timedelta(hours=1)),
        "of tomorrow": lambda: send_webhook(key=key, sent_at=clock.now() + timedelta(days=1)),
        "changed on the way": lambda: send_bytes(b'{"key": "another"}', signed="0" * 64),
        "empty": lambda: send_bytes(b"", signed=""),
    }

    assert_problem(answers[wrong](), status=400, code="webhook_refused")

    assert (provider.calls, Event.objects.count(), payment_of(awaited).state) == ([], before, "unknown")


@pytest.mark.parametrize("gateway", ["sandbox", "stripe", "provider-2"])
def test_a_webhook_of_a_provider_not_in_use_is_refused(provider: FakeGateway, awaited: dict[str, Any], gateway: str) -> None:
    before = Event.objects.count()
    assert_problem(send_webhook(gateway=gateway, key=payment_of(awaited).id), status=404, code="not_found")
    assert (provider.calls, Event.objects.count()) == ([], before)


def test_a_body_that_is_too_large_is_refused_before_it_is_read(provider: FakeGateway, awaited: dict[str, Any]) -> None:
    before = Event.objects.count()
    assert_problem(send_bytes(b" " * (configured.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)), status=413, code="body_too_large")
    assert (provider.calls, Event.objects.count()) == ([], before)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/json; charset=euc-kr"])
def test_a_webhooks_body_may_have_any_type(market: Market, provider: FakeGateway, awaited: dict[str, Any], content_type: str) -> None:
    body = json.dumps({"key": str(payment_of(awaited).id), "sent_at": clock.now().isoformat()}).encode()
    answer = send_bytes(body, content_type=content_type, Accept="*/*")
    assert (answer.status_code, market.see(awaited)["state"]) == (204, "paid")


def test_an_expired_token_does_not_refuse_a_webhook(provider: FakeGateway, awaited: dict[str, Any]) -> None:
    body = json.dumps({"key": str(payment_of(awaited).id), "sent_at": clock.now().isoformat()}).encode()
    assert send_bytes(body, Authorization="Bearer what-is-this").status_code == 204
    assert payment_of(awaited).state == "approved"


def test_webhooks_are_answered_as_they_are_documented(provider: FakeGateway, awaited: dict[str, Any]) -> None:
    operation = schemathesis.openapi.from_wsgi("/api/v1/schema", application)["/api/v1/payments/webhooks/{gateway}"]["POST"]
    genuine = {"key": str(payment_of(awaited).id)}
    for gateway, body, status in (("provider", genuine, 400), ("provider", {}, 400), ("sandbox", genuine, 404)):
        case = operation.Case(path_parameters={"gateway": gateway}, body=body, media_type="application/json")
        assert case.call_and_validate(checks=CHECKS, headers={"Host": "localhost"}).status_code == status
    assert payment_of(awaited).state == "unknown"
