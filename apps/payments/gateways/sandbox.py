"""A payment provider to try things with: it lives in this process, keeps its own book in a file, and fails on request."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from uuid import UUID

from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.book import Book
from apps.payments.gateways.port import Entry, Intent, NoAnswerError, Notice, NotSentError, Page, RefundEntry

METHODS = frozenset({"pm_ok", "pm_declined", "pm_slow", "pm_lost", "pm_error", "pm_down"})
SLOW_S = 2.0


class SandboxGateway:
    """The sandbox provider. Its book is a SQLite file, safe across threads and processes, and survives every restart.

    pm_ok approves; pm_declined declines; pm_slow approves after 2 s, and charges even if nobody waits that long; pm_lost charges
    and never answers; pm_error answers 500 and charges nothing; pm_down refuses the connection. It sends no webhooks.
    """

    def __init__(self, *, book: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        self._book = Book(path=book)
        self._sleep = sleep

    def accepts(self, *, method: str) -> bool:
        """Say whether `method` is one of the sandbox's."""
        return method in METHODS

    def refusal_of(self, *, intent: Intent) -> Entry | None:
        """Return None: everything is asked."""
        return None

    def charge(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Charge, or fail in the way that the method names."""
        if intent.method == "pm_down":
            raise NotSentError("connection_refused")
        if intent.method == "pm_error":
            raise NoAnswerError("provider_error")
        if intent.method == "pm_slow":
            self._sleep(min(SLOW_S, deadline_s))
        entry = self._book.charge(intent=intent, declined=why_declined(intent.method), deadline_s=deadline_s)
        if intent.method == "pm_lost":
            self._sleep(deadline_s)
        if intent.method == "pm_lost" or (intent.method == "pm_slow" and deadline_s < SLOW_S):
            raise NoAnswerError("timed_out")
        return entry

    def refund(self, *, intent: Intent, refund_key: UUID, amount: int, deadline_s: float) -> RefundEntry:
        """Give money back; the same `refund_key` never does so twice."""
        return self._book.refund(key=intent.key, refund_key=refund_key, amount=amount, deadline_s=deadline_s)

    def void(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Put a tombstone under an unseen key."""
        return self._book.void(key=intent.key, deadline_s=deadline_s)

    def lookup(self, *, intent: Intent, deadline_s: float) -> Entry:
        """Read the book."""
        return self._book.lookup(key=intent.key, deadline_s=deadline_s)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> Page:
        """Read the book, page by page."""
        return self._book.list_charges(since=since, until=until, cursor=cursor, deadline_s=deadline_s)

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> Notice | None:
        """Refuse: the sandbox sends none."""
        raise WebhookRefusedError


def why_declined(method: str) -> str:
    """Return why a sandbox declines the method, or "" where it does not."""
    if method not in METHODS:
        return "unknown_method"
    return "card_declined" if method == "pm_declined" else ""
