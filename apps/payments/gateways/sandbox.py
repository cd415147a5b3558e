"""The sandbox payment provider: it runs in this process, keeps its charges in a file, and fails on request."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.port import NO_LIMITS, Amounts, ChargePage, ChargeRecord, NoAnswerError, NotSentError, RefundRecord, WebhookHint
from apps.payments.gateways.sandbox_store import SandboxStore

METHODS = frozenset({"pm_ok", "pm_declined", "pm_slow", "pm_lost", "pm_error", "pm_down"})
SLOW_S = 2.0


class SandboxGateway:
    """The sandbox provider, with a SQLite file as its store, safe across threads and processes.

    pm_ok approves; pm_declined declines; pm_slow approves after 2 s, and charges even if the caller gives up; pm_lost charges
    and never answers; pm_error answers 500 and charges nothing; pm_down refuses the connection. It sends no webhooks.
    """

    amounts: Amounts = NO_LIMITS

    def __init__(self, *, store: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self._store = SandboxStore(path=store)
        self._sleep = sleep

    def accepts(self, *, method: str) -> bool:
        return method in METHODS

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        return None

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        if request.method == "pm_down":
            raise NotSentError("connection_refused")
        if request.method == "pm_error":
            raise NoAnswerError("provider_error")
        if request.method == "pm_slow":
            self._sleep(min(SLOW_S, deadline_s))
        declined = why_declined(request.method)
        record = self._store.charge(
            key=request.payment_id, amount=request.amount, currency=request.currency, declined=declined, deadline_s=deadline_s
        )
        if request.method == "pm_lost":
            self._sleep(deadline_s)
        if request.method == "pm_lost" or (request.method == "pm_slow" and deadline_s < SLOW_S):
            raise NoAnswerError("timed_out")
        return record

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        return self._store.refund(key=request.payment_id, refund_key=refund_key, amount=amount, deadline_s=deadline_s)

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        return self._store.void(key=request.payment_id, deadline_s=deadline_s)

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        return self._store.lookup(key=request.payment_id, deadline_s=deadline_s)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        return self._store.list_charges(since=since, until=until, cursor=cursor, deadline_s=deadline_s)

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        raise WebhookRefusedError  # the sandbox sends none


def why_declined(method: str) -> str:
    """Return why a sandbox declines the method, or "" where it does not."""
    if method not in METHODS:
        return "unknown_method"
    return "card_declined" if method == "pm_declined" else ""
