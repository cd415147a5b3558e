"""The HTTP adapter reads strictly: a response of another shape leaves the outcome unknown."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import ChargePage, ChargeRecord, ChargeStatus, NoAnswerError, RefundRecord, RefundStatus
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.raw_server import Line, answer, raw_server

AMPLE_S = 20.0
KEY = ids.uuid7()
CHARGED = {"key": str(KEY), "status": "charged", "amount": 8_000, "refunded": 0, "currency": "KRW", "reference": "r", "reason": ""}
REFUNDED = {"refund_key": str(KEY), "status": "refunded", "reference": "r", "reason": ""}
LISTED = {"charges": [CHARGED], "cursor": ""}


@contextmanager
def told(message: Any, *, status: str = "200 OK") -> Iterator[HttpGateway]:
    """Give a gateway to a provider that says this to everything."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()

    def talk(line: Line) -> None:
        while line.read_request():
            line.write(answer(body, status=status))

    with raw_server(talk) as server:
        gateway = HttpGateway(base_url=server.url, webhook_secrets=())
        yield gateway
        gateway.close()


def charge(gateway: HttpGateway) -> object:
    return gateway.charge(request=charge_request(KEY), deadline_s=AMPLE_S)


def void(gateway: HttpGateway) -> object:
    return gateway.void(request=charge_request(KEY), deadline_s=AMPLE_S)


def look_up(gateway: HttpGateway) -> object:
    return gateway.lookup(request=charge_request(KEY), deadline_s=AMPLE_S)


def refund(gateway: HttpGateway) -> object:
    return gateway.refund(request=charge_request(KEY), refund_key=KEY, amount=8_000, deadline_s=AMPLE_S)


def list_charges(gateway: HttpGateway) -> object:
    return gateway.list_charges(since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 2, 1, tzinfo=UTC), deadline_s=AMPLE_S)


def test_what_was_agreed_is_read() -> None:
    record = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="r")
    with told(CHARGED | {"news": 1}) as gateway:
        assert [ask(gateway) for ask in (charge, void, look_up)] == [record] * 3
    with told(REFUNDED) as gateway:
        assert refund(gateway) == RefundRecord(status=RefundStatus.REFUNDED, reference="r")
    with told(LISTED | {"cursor": "next"}) as gateway:
        page = list_charges(gateway)
        assert isinstance(page, ChargePage)
        assert ([listed.record for listed in page.charges], page.cursor) == ([record], "next")


OTHERS: dict[str, Any] = {
    "a sum in words": CHARGED | {"amount": "8000"},
    "a sum with a point": CHARGED | {"amount": 8000.0},
    "a negative sum": CHARGED | {"amount": -8_000},
    "no sum": CHARGED | {"amount": None},
    "a standing of its own": CHARGED | {"status": "perhaps"},
    "another key": CHARGED | {"key": str(ids.uuid7())},
    "no key": CHARGED | {"key": ""},
    "a list": [CHARGED],
    "two answers": json.dumps(CHARGED).encode() * 2,
    "no text": b"\xff\xfe\x00",
    "deep nesting": b"[" * 50_000,
    "not a number": json.dumps(CHARGED).replace("8000", "NaN").encode(),
} | {f"no {field}": {name: value for name, value in CHARGED.items() if name != field} for field in CHARGED}


@pytest.mark.parametrize("message", OTHERS.values(), ids=OTHERS)
@pytest.mark.parametrize("ask", [charge, look_up, void])
def test_an_entry_that_is_not_what_was_agreed_settles_nothing(ask: Callable[[HttpGateway], object], message: Any) -> None:
    with told(message) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        ask(gateway)


@pytest.mark.parametrize("ask", [charge, void])
def test_what_was_charged_or_voided_cannot_be_unknown_to_the_provider(ask: Callable[[HttpGateway], object]) -> None:
    with told(CHARGED | {"status": "not_found"}) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        ask(gateway)


@pytest.mark.parametrize("changes", [{"status": "perhaps"}, {"refund_key": str(ids.uuid7())}, {"reference": None}])
def test_a_refund_that_is_not_what_was_agreed_settles_nothing(changes: dict[str, Any]) -> None:
    with told(REFUNDED | changes) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        refund(gateway)


@pytest.mark.parametrize("message", [{"charges": [CHARGED]}, {"charges": None, "cursor": ""}, LISTED | {"charges": [{}]}])
def test_a_list_that_is_not_what_was_agreed_is_no_list(message: Any) -> None:
    with told(message) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        list_charges(gateway)


@pytest.mark.parametrize("ask", [charge, look_up, void, refund, list_charges])
@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "301 Moved Permanently", "307 Temporary Redirect", "599 Odd"])
def test_a_status_that_was_not_agreed_settles_nothing(ask: Callable[[HttpGateway], object], status: str) -> None:
    with told(CHARGED if "204" not in status else b"", status=status) as gateway, pytest.raises(NoAnswerError, match=f"http_{status[:3]}"):
        ask(gateway)


def test_without_a_secret_every_webhook_is_refused() -> None:
    gateway = HttpGateway(base_url="http://127.0.0.1:1", webhook_secrets=())
    with pytest.raises(WebhookRefusedError):
        gateway.read_webhook(headers={"fake-signature": "t=0,v1="}, body=b"{}", now=datetime(1970, 1, 1, tzinfo=UTC))


def test_one_process_has_one_way_to_the_provider(settings: Settings) -> None:
    settings.GDMARKET_PAYMENT_GATEWAY = "http"
    assert isinstance(gateways.current(), HttpGateway)
    assert gateways.current() is gateways.current()
