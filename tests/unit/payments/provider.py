"""A payment provider for tests: an honest book in memory, and an unreliable way to it that a test bends as it needs."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from uuid import UUID

from django.db import connections

from apps.payments.gateways.port import Entry, Standing

Fault = Callable[[], BaseException]


@dataclass
class Provider:
    """The same signature as every gateway; each call is written down before anything happens.

    `meanwhile[call]` runs when a call arrives, before the book is opened; `fails[call]` then makes it fail without a trace;
    `loses[call]` makes it fail after the book was written. `declines` is the reason why every card is declined.
    """

    book: dict[UUID, Entry] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    meanwhile: dict[str, Callable[[], object]] = field(default_factory=dict)
    fails: dict[str, Fault] = field(default_factory=dict)
    loses: dict[str, Fault] = field(default_factory=dict)
    declines: str = ""
    deadlines_s: list[float] = field(default_factory=list)
    calls_inside_a_transaction: int = 0
    _refunds: dict[UUID, int] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def accepts(self, *, method: str) -> bool:
        return method == "pm_ok"

    def charge(self, *, key: UUID, amount: int, currency: str, method: str, deadline_s: float) -> Entry:
        charged = Entry(standing=Standing.CHARGED, amount=amount, currency=currency, reference=f"provider-{key}")
        declined = Entry(standing=Standing.DECLINED, reason=self.declines)
        return self._answer("charge", lambda: self.book.setdefault(key, declined if self.declines else charged), deadline_s)

    def refund(self, *, key: UUID, refund_key: UUID, amount: int, deadline_s: float) -> Entry:
        def give_back() -> Entry:
            entry = self.book.get(key, Entry(standing=Standing.NOT_FOUND))
            if refund_key in self._refunds:
                return entry
            if entry.refunded + amount > entry.amount:
                return replace(entry, refunded=0, reason="more_than_charged")
            self._refunds[refund_key] = amount
            self.book[key] = replace(entry, refunded=entry.refunded + amount)
            return self.book[key]

        return self._answer("refund", give_back, deadline_s)

    def void(self, *, key: UUID, deadline_s: float) -> Entry:
        return self._answer("void", lambda: self.book.setdefault(key, Entry(standing=Standing.VOIDED)), deadline_s)

    def lookup(self, *, key: UUID, deadline_s: float) -> Entry:
        return self._answer("lookup", lambda: self.book.get(key, Entry(standing=Standing.NOT_FOUND)), deadline_s)

    def _answer(self, call: str, read: Callable[[], Entry], deadline_s: float) -> Entry:
        with self._lock:
            self.calls.append(call)
            self.deadlines_s.append(deadline_s)
            self.calls_inside_a_transaction += any(connection.in_atomic_block for connection in connections.all(initialized_only=True))
        self.meanwhile.get(call, lambda: None)()
        if call in self.fails:
            fault = self.fails[call]()
            raise fault
        with self._lock:
            entry = read()
        if call in self.loses:
            fault = self.loses[call]()
            raise fault
        return entry
