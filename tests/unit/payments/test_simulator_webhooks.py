"""The simulator sends each webhook once and signed, unless a fault is set."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from apps.payments.errors import WebhookRefusedError
from deploy.simulator.faults import Fault
from gdmarket import ids
from tests.unit.payments.actions import charge_request
from tests.unit.payments.gateway_calls import AMPLE_S
from tests.unit.payments.raw_server import Line, answer, raw_server
from tests.unit.payments.simulated import SECRET, Simulated, opened, until


class Inbox:
    """The webhooks that were received; the first `refusals` are answered with an error."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []
        self.refusals = 0

    def talk(self, line: Line) -> None:
        while line.read_request():
            self.requests.append(line.request)
            line.write(answer(b"", status="500 Not Now" if len(self.requests) <= self.refusals else "200 OK"))

    def read(self, number: int) -> list[tuple[dict[str, str], bytes]]:
        """Wait for `number` webhooks, and return the headers and body of all received."""
        until(lambda: len(self.requests) >= number)
        split = [request.partition(b"\r\n\r\n") for request in self.requests]
        return [(dict(line.lower().split(": ", 1) for line in head.decode().split("\r\n")[1:]), body) for head, _, body in split]

    def keys(self, number: int) -> list[UUID]:
        """Wait for `number` webhooks, and return the keys of all received."""
        return [UUID(json.loads(body)["key"]) for _headers, body in self.read(number)]


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def simulator(tmp_path: Path, inbox: Inbox) -> Iterator[Simulated]:
    """Return a simulator that sends its webhooks to the inbox."""
    with raw_server(inbox.talk) as server, opened(tmp_path, f"{server.url}/hook?from=fake") as simulator:
        yield simulator


def test_each_webhook_is_sent_once_and_signed(simulator: Simulated, inbox: Inbox) -> None:
    key, refund_key, voided = ids.uuid7(), ids.uuid7(), ids.uuid7()
    for _ in range(2):
        simulator.charge(key)
        simulator.gateway.refund(request=charge_request(key), refund_key=refund_key, amount=1, deadline_s=AMPLE_S)
        simulator.gateway.void(request=charge_request(voided), deadline_s=AMPLE_S)
    received = inbox.read(3)

    assert inbox.requests[0].startswith(b"POST /hook?from=fake HTTP/1.1\r\n")
    assert {(json.loads(body)["happened"], json.loads(body)["key"]) for _headers, body in received} == {
        ("charge.charged", str(key)),
        ("refund.refunded", str(key)),
        ("void.voided", str(voided)),
    }
    assert len(received) == 3
    for headers, body in received:
        sent_at = headers["fake-signature"].split(",")[0].removeprefix("t=")
        digest = hmac.new(SECRET.encode(), f"{sent_at}.".encode() + body, hashlib.sha256).hexdigest()
        assert headers["fake-signature"] == f"t={sent_at},v1={digest}"
        assert simulator.gateway.read_webhook(headers=headers, body=body, now=datetime.now(UTC))


def test_a_webhook_that_is_not_accepted_is_sent_again(simulator: Simulated, inbox: Inbox) -> None:
    inbox.refusals = 2
    key = ids.uuid7()
    simulator.charge(key)
    assert inbox.keys(3) == [key] * 3
    until(lambda: simulator.provider.stats()["webhooks"] == {"taken": 1})
    assert simulator.provider.stats()["webhooks"] == {"taken": 1}


def test_a_webhook_may_be_duplicated(simulator: Simulated, inbox: Inbox) -> None:
    simulator.set_faults(Fault(do="webhook_duplicate"))
    simulator.charge()
    (_, first), (_, again) = inbox.read(2)
    assert first == again


def test_a_webhook_may_be_dropped(simulator: Simulated, inbox: Inbox) -> None:
    dropped, received = ids.uuid7(), ids.uuid7()
    simulator.set_faults(Fault(do="webhook_dropped", key=dropped))
    simulator.charge(dropped)
    simulator.charge(received)
    assert inbox.keys(1) == [received]


def test_webhooks_may_be_reordered(simulator: Simulated, inbox: Inbox) -> None:
    keys = [ids.uuid7() for _ in range(5)]
    simulator.set_faults(Fault(do="webhook_reordered", times=2))
    for key in keys[:3]:
        simulator.charge(key)
    assert inbox.keys(3) == [keys[2], keys[1], keys[0]]
    simulator.charge(keys[3])
    assert inbox.keys(4)[3] == keys[3]
    simulator.set_faults(Fault(do="webhook_reordered"))
    simulator.charge(keys[4])
    simulator.provider.webhooks.release()
    assert inbox.keys(5)[4] == keys[4]


def test_a_webhook_may_be_delayed(simulator: Simulated, inbox: Inbox) -> None:
    late, prompt = ids.uuid7(), ids.uuid7()
    simulator.set_faults(Fault(do="webhook_delayed", before_s=0.5, key=late))
    simulator.charge(late)
    simulator.charge(prompt)
    assert inbox.keys(2) == [prompt, late]


@pytest.mark.parametrize("do", ["webhook_forged", "webhook_old"])
def test_a_forged_or_old_webhook_is_refused(simulator: Simulated, inbox: Inbox, do: Any) -> None:
    simulator.set_faults(Fault(do=do))
    simulator.charge()
    ((headers, body),) = inbox.read(1)
    with pytest.raises(WebhookRefusedError):
        simulator.gateway.read_webhook(headers=headers, body=body, now=datetime.now(UTC))
