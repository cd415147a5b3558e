"""The HTTP adapter reads strictly: a response of another shape leaves the outcome unknown."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.http import HttpGateway
from apps.payments.gateways.port import ChargePage, ChargeRecord, ChargeStatus, NoAnswerError, RefundRecord, RefundStatus
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import AMPLE_S, charge, look_up, refund, void
from tests.unit.payments.raw_server import Line, answer, raw_server

KEY = ids.uuid7()
REQUEST = charge_request(KEY)
CHARGED = {"key": str(KEY), "status": "charged", "amount": 8_000, "refunded": 0, "currency": "KRW", "reference": "r", "reason": ""}
REFUNDED = {"refund_key": str(KEY), "status": "refunded", "reference": "r", "reason": ""}
Call = Callable[[HttpGateway, ChargeRequest], object]

LISTED = {"charges": [CHARGED], "cursor": ""}


@contextmanager
def answered(message: Any, *, status: str = "200 OK") -> Iterator[HttpGateway]:
    """Give a gateway to a provider that answers every call with this message."""
    body = message if isinstance(message, bytes) else json.dumps(message).encode()

    def talk(line: Line) -> None:
        while line.read_request():
            line.write(answer(body, status=status))

    with raw_server(talk) as server:
        gateway = HttpGateway(base_url=server.url, webhook_secrets=())
        yield gateway
        gateway.close()


def list_all(gateway: HttpGateway, _request: ChargeRequest) -> object:
    return gateway.list_charges(since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 2, 1, tzinfo=UTC), deadline_s=AMPLE_S)


def test_documented_responses_are_read() -> None:
    record = ChargeRecord(status=ChargeStatus.CHARGED, amount=8_000, currency="KRW", reference="r")
    with answered(CHARGED | {"news": 1}) as gateway:
        assert [call(gateway, REQUEST) for call in (charge, void, look_up)] == [record] * 3
    with answered(REFUNDED) as gateway:
        assert refund(gateway, REQUEST, KEY) == RefundRecord(status=RefundStatus.REFUNDED, reference="r")
    with answered(LISTED | {"cursor": "next"}) as gateway:
        page = list_all(gateway, REQUEST)
        assert isinstance(page, ChargePage)
        assert ([listed.record for listed in page.charges], page.cursor) == ([record], "next")


UNREADABLE: dict[str, Any] = {
    "a sum in words": CHARGED | {"amount": "8000"},
    "a sum with a point": CHARGED | {"amount": 8000.0},
    "a negative sum": CHARGED | {"amount": -8_000},
    "no sum": CHARGED | {"amount": None},
    "an unknown status": CHARGED | {"status": "perhaps"},
    "another key": CHARGED | {"key": str(ids.uuid7())},
    "no key": CHARGED | {"key": ""},
    "a list": [CHARGED],
    "two answers": json.dumps(CHARGED).encode() * 2,
    "no text": b"\xff\xfe\x00",
    "deep nesting": b"[" * 50_000,
    "not a number": json.dumps(CHARGED).replace("8000", "NaN").encode(),
} | {f"no {field}": {name: value for name, value in CHARGED.items() if name != field} for field in CHARGED}


@pytest.mark.parametrize("message", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize("call", [charge, look_up, void])
def test_a_record_of_another_shape_is_no_answer(call: Call, message: Any) -> None:
    with answered(message) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        call(gateway, REQUEST)


@pytest.mark.parametrize("call", [charge, void])
def test_after_a_charge_or_void_not_found_is_no_answer(call: Call) -> None:
    with answered(CHARGED | {"status": "not_found"}) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        call(gateway, REQUEST)


@pytest.mark.parametrize("changes", [{"status": "perhaps"}, {"refund_key": str(ids.uuid7())}, {"reference": None}])
def test_a_refund_of_another_shape_is_no_answer(changes: dict[str, Any]) -> None:
    with answered(REFUNDED | changes) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        refund(gateway, REQUEST, KEY)


@pytest.mark.parametrize("message", [{"charges": [CHARGED]}, {"charges": None, "cursor": ""}, LISTED | {"charges": [{}]}])
def test_a_list_of_another_shape_is_no_answer(message: Any) -> None:
    with answered(message) as gateway, pytest.raises(NoAnswerError, match="unreadable"):
        list_all(gateway, REQUEST)


@pytest.mark.parametrize("call", [charge, look_up, void, refund, list_all])
@pytest.mark.parametrize("status", ["201 Created", "204 No Content", "301 Moved Permanently", "307 Temporary Redirect", "599 Odd"])
def test_an_undocumented_status_is_no_answer(call: Call, status: str) -> None:
    with (
        answered(CHARGED if "204" not in status else b"", status=status) as gateway,
        pytest.raises(NoAnswerError, match=f"http_{status[:3]}"),
    ):
        call(gateway, REQUEST)


def test_without_a_secret_every_webhook_is_refused() -> None:
    gateway = HttpGateway(base_url="http://127.0.0.1:1", webhook_secrets=())
    with pytest.raises(WebhookRefusedError):
        gateway.read_webhook(headers={"fake-signature": "t=0,v1="}, body=b"{}", now=datetime(1970, 1, 1, tzinfo=UTC))
