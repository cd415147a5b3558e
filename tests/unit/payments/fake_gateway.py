"""A payment gateway for tests: a correct store in memory, with failures that a test injects."""

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import TypeVar
from uuid import UUID

from django.db import connections
from pytest_django import Settings

from apps.payments import gateways
from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.port import (
    Amounts,
    ChargePage,
    ChargeRecord,
    ChargeStatus,
    ListedCharge,
    NoAnswerError,
    RefundRecord,
    RefundStatus,
    WebhookHint,
)

Answer = TypeVar("Answer")
Fault = Callable[[], BaseException]

_SECRET = b"a secret"
_STALE = timedelta(minutes=5)
_HINT_FIELDS = {"key": "payment_id", "order": "rental_id"}


def signature(body: bytes) -> str:
    """Return what the provider signs a webhook with."""
    return hmac.new(_SECRET, body, sha256).hexdigest()


@dataclass
class FakeGateway:
    """The same signature as every gateway; `calls` and `deadlines_s` record each call on arrival.

    `on_arrival[call]` runs when a call arrives; `fails[call]` then makes it fail without being performed; `loses[call]` makes it fail
    after it was performed; `on_answer[call]` runs after it was performed, before the answer is sent. `declines` is the reason why
    every card is declined; `refunds_pending` leaves refunds processing; `preflight` is the record that every charge gets without a
    call; look-ups of the keys in `unanswered` get no answer; `reference` is the provider's reference of every charge. The list leaves
    out charges whose `made_at` is outside its window, gives only the rental of the keys in `without_key`, and lists `duplicates` too.
    """

    amounts: Amounts = field(default_factory=dict)
    records: dict[UUID, ChargeRecord] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    on_arrival: dict[str, Callable[[], object]] = field(default_factory=dict)
    fails: dict[str, Fault] = field(default_factory=dict)
    on_answer: dict[str, Callable[[], object]] = field(default_factory=dict)
    loses: dict[str, Fault] = field(default_factory=dict)
    declines: str = ""
    refunds_pending: bool = False
    reference: str = ""
    made_at: dict[UUID, datetime] = field(default_factory=dict)
    without_key: set[UUID] = field(default_factory=set)
    orders: dict[UUID, UUID] = field(default_factory=dict)
    duplicates: dict[UUID, ChargeRecord] = field(default_factory=dict)
    unanswered: set[UUID] = field(default_factory=set)
    preflight: ChargeRecord | None = None
    page: int = 100
    deadlines_s: list[float] = field(default_factory=list)
    calls_inside_a_transaction: int = 0
    _refunds: dict[UUID, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def accepts(self, *, method: str) -> bool:
        return method == "pm_ok"

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        return self.preflight

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        reference = self.reference or f"provider-{request.payment_id}"
        self.orders[request.payment_id] = request.rental_id
        charged = ChargeRecord(status=ChargeStatus.CHARGED, amount=request.amount, currency=request.currency, reference=reference)
        declined = ChargeRecord(status=ChargeStatus.DECLINED, reason=self.declines)
        return self._answer(
            "charge", lambda: self.records.setdefault(request.payment_id, declined if self.declines else charged), deadline_s
        )

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        def write() -> RefundRecord:
            if self.refunds_pending:
                return RefundRecord(status=RefundStatus.PROCESSING)
            record = self.records.get(request.payment_id, ChargeRecord(status=ChargeStatus.NOT_FOUND))
            if refund_key not in self._refunds:
                if record.refunded + amount > record.amount:
                    return RefundRecord(status=RefundStatus.REFUSED, reason="more_than_charged")
                self._refunds[refund_key] = amount
                self.records[request.payment_id] = replace(record, refunded=record.refunded + amount)
            return RefundRecord(status=RefundStatus.REFUNDED, reference=f"refund-{refund_key}")

        return self._answer("refund", write, deadline_s)

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        return self._answer(
            "void", lambda: self.records.setdefault(request.payment_id, ChargeRecord(status=ChargeStatus.VOIDED)), deadline_s
        )

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        def read() -> ChargeRecord:
            if request.payment_id in self.unanswered:
                raise NoAnswerError("http_500")
            return self.records.get(request.payment_id, ChargeRecord(status=ChargeStatus.NOT_FOUND))

        return self._answer("lookup", read, deadline_s)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        def read() -> ChargePage:
            charged = sorted(
                key
                for key, record in self.records.items()
                if record.status is ChargeStatus.CHARGED and since <= self.made_at.get(key, since) < until
            )
            first = int(cursor or 0)
            on_page = charged[first : first + self.page]
            listed = tuple(
                ListedCharge(payment_id=None if key in self.without_key else key, rental_id=self.orders.get(key), record=records[key])
                for key in on_page
                for records in (self.records, self.duplicates)
                if key in records
            )
            return ChargePage(charges=listed, cursor=str(first + self.page) if len(charged) > first + self.page else "")

        return self._answer("list", read, deadline_s)

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        if not hmac.compare_digest(headers.get("provider-signature", ""), signature(body)):
            raise WebhookRefusedError
        webhook = json.loads(body)
        if abs(now - datetime.fromisoformat(webhook["sent_at"])) > _STALE:
            raise WebhookRefusedError
        hint = {field: UUID(webhook[name]) for name, field in _HINT_FIELDS.items() if name in webhook}
        return WebhookHint(**hint) if hint else None

    def _answer(self, call: str, read: Callable[[], Answer], deadline_s: float) -> Answer:
        with self._lock:
            self.calls.append(call)
            self.deadlines_s.append(deadline_s)
            self.calls_inside_a_transaction += any(connection.in_atomic_block for connection in connections.all(initialized_only=True))
        self.on_arrival.get(call, lambda: None)()
        if call in self.fails:
            fault = self.fails[call]()
            raise fault
        with self._lock:
            record = read()
        self.on_answer.get(call, lambda: None)()
        if call in self.loses:
            fault = self.loses[call]()
            raise fault
        return record


@contextmanager
def in_use(settings: Settings) -> Iterator[FakeGateway]:
    """Let payments call a fake gateway, and assert that no call was made inside a transaction."""
    provider = FakeGateway()
    gateways.GATEWAYS["provider"] = lambda: provider
    settings.GDMARKET_PAYMENT_GATEWAY = "provider"
    yield provider
    del gateways.GATEWAYS["provider"]
    assert provider.calls_inside_a_transaction == 0
