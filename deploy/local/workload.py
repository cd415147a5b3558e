"""A mixed load through the gateway. Every answer is checked for the status it must have, not only for the absence of 500s."""

import itertools
import json
import random
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from deploy.client import API, PASSWORD, RENTERS, Client, Request

CLIENTS = 12
# The kinds of requests, and their shares.
_SHARES = {
    "read": 20,
    "search": 20,
    "list": 10,
    "status": 15,
    "request": 8,
    "request and pay": 8,
    "two want one hour": 4,
    "pay": 6,
    "cancel": 6,
    "sign in": 1,
    "admin login page": 2,
    "front page": 2,
}
_EXPECTED = {
    "request": {HTTPStatus.CREATED},
    "request and pay": {HTTPStatus.CREATED},
    "two want one hour": {HTTPStatus.CREATED, HTTPStatus.CONFLICT},
    "cancel": {HTTPStatus.OK, HTTPStatus.ACCEPTED},
    "front page": {HTTPStatus.FOUND},
}
_UNKNOWN = {0, HTTPStatus.BAD_GATEWAY, HTTPStatus.GATEWAY_TIMEOUT}
_PAID = {"request and pay", "pay"}
_NEW_CONNECTIONS = 0.3
_SETTLED = 2
_OWN_FROM, _SHARED_FROM = timedelta(days=40), timedelta(days=330)
_EXAMPLES = 10
# What each state may become while nobody asks for anything: unpaid requests expire, refunds are made.
_LATER = {
    "requested": {"requested", "expired"},
    "paid": {"paid"},
    "refunding": {"refunding", "cancelled"},
    "cancelled": {"cancelled"},
}
_ANY = {"requested", "paid", "refunding", "cancelled", "expired"}


@dataclass(kw_only=True, slots=True)
class WorkloadResult:
    """Requests by kind, those that failed, and the states that were acknowledged."""

    sent: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    # The states in which each rental may be found. One whose request was never answered may exist or not, and is not in here.
    acknowledged: dict[str, set[str]] = field(default_factory=dict)
    posts: int = 0
    # POSTs of which the client does not know whether they were done: 502, 504, or no answer.
    unknown_posts: int = 0
    latencies_ms: list[float] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """The number of requests."""
        return self.sent.total()

    @property
    def failed(self) -> int:
        """The number of those that failed."""
        return self.failures.total()

    @property
    def success_percent(self) -> float:
        """The share of requests that succeeded."""
        return 100 * (self.requests - self.failed) / self.requests if self.requests else 0.0

    def record(self, *, kind: str, method: str, status: int, succeeded: bool, answer: str, latency_ms: float) -> None:
        """Count one request; its status is 0 where the connection broke."""
        self.sent[kind] += 1
        if method == "POST":
            self.posts += 1
            self.unknown_posts += status in _UNKNOWN
        self.latencies_ms.append(latency_ms)
        if not succeeded:
            self.failures[kind] += 1
            if len(self.examples) < _EXAMPLES:
                self.examples.append(f"{kind}: {answer}")


class Workload:
    """Clients that send `rate` requests a second in all, over connections that are kept, and in three of ten cases new ones."""

    # No two loads ask for the same hours.
    _own, _shared = itertools.count(), itertools.count()

    def __init__(self, *, port: int, seed: int, rate: float, clients: int = CLIENTS) -> None:
        self.result = WorkloadResult()
        self._port, self._seed, self._rate = port, seed, rate
        setup = Client(port)
        self._tokens = [setup.sign_in(email) for email in RENTERS]
        listed = json.loads(setup.send(Request(path=f"{API}/items?limit=100"))[1])["results"]
        setup.close()
        # An item that is rented may be overdue, and then refuses every request.
        self._items: list[str] = [item["id"] for item in listed if item["availability"] != "rented"]
        self._begins = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run_client, args=(number,), daemon=True) for number in range(clients)]

    def start(self) -> None:
        """Start the clients."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> WorkloadResult:
        """Stop the clients, and return the result."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        return self.result

    def _run_client(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        renter = _Renter(port=self._port, token=self._tokens[number % len(self._tokens)], chance=chance)
        every_s = len(self._threads) / self._rate
        due_at = time.monotonic() + chance.uniform(0, every_s)
        while not self._is_over.wait(max(0.0, due_at - time.monotonic())):
            due_at = max(due_at + every_s, time.monotonic())
            (kind,) = chance.choices(list(_SHARES), list(_SHARES.values()))
            self._send_one(renter, kind)
        renter.client.close()

    def _send_one(self, renter: "_Renter", kind: str) -> None:
        rental_id = renter.pick(kind)
        if kind in {"status", "pay", "cancel"} and not rental_id:
            kind = "request"
        request = self._request(kind, renter, rental_id)
        began = time.perf_counter()
        status, body = renter.send(request)
        latency_ms = (time.perf_counter() - began) * 1000
        rental = _parse(body)
        succeeded = status in _EXPECTED.get(kind, {HTTPStatus.OK}) and not (kind in _PAID and rental.get("state") != "paid")
        with self._lock:
            self.result.record(
                kind=kind,
                method=request.method,
                status=status,
                succeeded=succeeded,
                answer=f"{status} {body[:200]!r}",
                latency_ms=latency_ms,
            )
            if request.method != "POST" or kind == "sign in":
                return
            if status in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
                self.result.acknowledged[str(rental["id"])] = _LATER[rental["state"]].copy()
            elif rental_id:
                self.result.acknowledged[rental_id] |= _ANY  # whether it was done is unknown
        if status == HTTPStatus.CREATED:
            (renter.paid if rental["state"] == "paid" else renter.unpaid).append(str(rental["id"]))

    def _request(self, kind: str, renter: "_Renter", rental_id: str) -> Request:
        chance = renter.chance
        reads = {
            "read": f"{API}/items/{chance.choice(self._items)}",
            "search": f"{API}/items?near=37.5446,127.0559&radius_m={chance.randint(500, 5000)}&limit=10",
            "list": f"{API}/rentals?limit=5",
            "status": f"{API}/status/rentals/{rental_id}",
            "admin login page": "/admin/login/",
            "front page": "/",
        }
        if kind in reads:
            return Request(path=reads[kind], token=renter.token)
        writes: dict[str, tuple[str, dict[str, str]]] = {
            "pay": (f"{API}/rentals/{rental_id}/payment", {"payment_method": "pm_ok"}),
            "cancel": (f"{API}/rentals/{rental_id}/cancel", {}),
            "sign in": (f"{API}/auth/token", {"email": chance.choice(RENTERS), "password": PASSWORD}),
        }
        path, body = writes.get(kind) or (f"{API}/rentals", self._period(kind))
        return Request(method="POST", path=path, token=renter.token, body=body)

    def _period(self, kind: str) -> dict[str, str]:
        """Return an item and an hour: one that nobody else asks for, or one that two ask for."""
        if kind == "two want one hour":
            number, starts_at = next(self._shared) // 2, self._begins + _SHARED_FROM
        else:
            number, starts_at = next(self._own), self._begins + _OWN_FROM
        starts_at += timedelta(hours=number // len(self._items))
        body = {
            "item": self._items[number % len(self._items)],
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
        }
        return body | ({"payment_method": "pm_ok"} if kind == "request and pay" else {})


class _Renter:
    """A connection, a token, and this client's own rentals."""

    def __init__(self, *, port: int, token: str, chance: random.Random) -> None:
        self.client, self.token, self.chance = Client(port), token, chance
        self.unpaid: list[str] = []
        self.paid: list[str] = []

    def send(self, request: Request) -> tuple[int, bytes]:
        """Return status and body; status 0 where the connection broke."""
        if self.chance.random() < _NEW_CONNECTIONS:
            self.client.close()
        try:
            return self.client.send(request)
        except (OSError, HTTPException) as broken:
            self.client.close()
            return 0, repr(broken).encode()

    def pick(self, kind: str) -> str:
        """Return a rental for a request of this kind; "" where there is none."""
        if kind == "pay":
            return self.unpaid.pop() if self.unpaid else ""
        if kind == "cancel":
            return self.paid.pop() if self.paid else ""
        if kind == "status" and len(self.unpaid) > _SETTLED:
            return self.unpaid[0]  # the view may not have the newest yet
        return ""


def _parse(body: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
