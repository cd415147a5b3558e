"""Mixed load through the gateway. Every answer is judged: the status that it has to have, and not merely none of the 500s."""

import itertools
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from bench.http import API, PASSWORD, token
from bench.load import Ask, Client
from deploy.local.results import WorkloadResult

CLIENTS = 12
RENTERS = ("renter@example.com", "renter2@example.com", "renter3@example.com")
# What is asked next, and how often.
_WISHES = {
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
    "admin's door": 2,
    "front door": 2,
}
_EXPECTED = {
    "request": {HTTPStatus.CREATED},
    "request and pay": {HTTPStatus.CREATED},
    "two want one hour": {HTTPStatus.CREATED, HTTPStatus.CONFLICT},
    "cancel": {HTTPStatus.OK, HTTPStatus.ACCEPTED},
    "front door": {HTTPStatus.FOUND},
}
_PAID = {"request and pay", "pay"}
_NEW_CONNECTIONS = 0.3
_SETTLED = 2
_OWN_FROM, _SHARED_FROM = timedelta(days=40), timedelta(days=330)


class Workload:
    """Renters who ask at `rate` requests a second in all, over connections that are kept, and in three of ten cases new ones."""

    # No two loads ask for the same hours.
    _own, _shared = itertools.count(), itertools.count()

    def __init__(self, *, port: int, seed: int, rate: float, clients: int = CLIENTS) -> None:
        self.result = WorkloadResult()
        self._port, self._seed, self._rate = port, seed, rate
        setup = Client(port)
        self._tokens = [token(setup, email=email) for email in RENTERS]
        listed = json.loads(setup.send(Ask(method="GET", path=f"{API}/items?limit=100"))[1])["results"]
        # One that is out may be overdue, and then nobody gets it.
        setup.close()
        self._items: list[str] = [item["id"] for item in listed if item["availability"] != "rented"]
        self._begins = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._ask_on, args=(number,), daemon=True) for number in range(clients)]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> WorkloadResult:
        """End, and return what came of it."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        return self.result

    def _ask_on(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")
        renter = Renter(port=self._port, token=self._tokens[number % len(self._tokens)], chance=chance)
        every_s = len(self._threads) / self._rate
        due_at = time.monotonic() + chance.uniform(0, every_s)
        while not self._is_over.wait(max(0.0, due_at - time.monotonic())):
            due_at = max(due_at + every_s, time.monotonic())
            (kind,) = chance.choices(list(_WISHES), list(_WISHES.values()))
            self._ask_once(renter, kind)
        renter.leave()

    def _ask_once(self, renter: "Renter", kind: str) -> None:
        rental_id = renter.pick(kind)
        if kind in {"status", "pay", "cancel"} and not rental_id:
            kind = "request"
        ask = self._ask(kind, renter, rental_id)
        began = time.perf_counter()
        status, body = renter.send(ask)
        latency_ms = (time.perf_counter() - began) * 1000
        told = _read(body)
        went_well = status in _EXPECTED.get(kind, {HTTPStatus.OK}) and not (kind in _PAID and told.get("state") != "paid")
        with self._lock:
            self.result.record(kind=kind, went_well=went_well, told=f"{status} {body[:200]!r}", latency_ms=latency_ms)
            if ask.method != "POST" or kind == "sign in":
                return
            if status in {HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED}:
                self.result.acknowledge(told)
            elif rental_id:
                self.result.mark_unknown(rental_id)
        if status == HTTPStatus.CREATED:
            renter.keep(told)

    def _ask(self, kind: str, renter: "Renter", rental_id: str) -> Ask:
        chance = renter.chance
        reads = {
            "read": f"{API}/items/{chance.choice(self._items)}",
            "search": f"{API}/items?near=37.5446,127.0559&radius_m={chance.randint(500, 5000)}&limit=10",
            "list": f"{API}/rentals?limit=5",
            "status": f"{API}/status/rentals/{rental_id}",
            "admin's door": "/admin/login/",
            "front door": "/",
        }
        if kind in reads:
            return Ask(method="GET", path=reads[kind], token=renter.token)
        writes: dict[str, tuple[str, dict[str, str]]] = {
            "pay": (f"{API}/rentals/{rental_id}/payment", {"payment_method": "pm_ok"}),
            "cancel": (f"{API}/rentals/{rental_id}/cancel", {}),
            "sign in": (f"{API}/auth/token", {"email": chance.choice(RENTERS), "password": PASSWORD}),
        }
        path, body = writes.get(kind) or (f"{API}/rentals", self._period(kind))
        return Ask(method="POST", path=path, token=renter.token, body=body)

    def _period(self, kind: str) -> dict[str, str]:
        """Return an item and an hour: one of the request's own, or one that two ask for."""
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


class Renter:
    """One who asks: a connection, a token, and the rentals of this one's own that may be asked about."""

    def __init__(self, *, port: int, token: str, chance: random.Random) -> None:
        self.token, self.chance = token, chance
        self._client, self._port = Client(port), port
        self._unpaid: list[str] = []
        self._paid: list[str] = []

    def send(self, ask: Ask) -> tuple[int, bytes]:
        """Return status and body; status 0 where no answer came."""
        if self.chance.random() < _NEW_CONNECTIONS:
            self.leave()
        try:
            return self._client.send(ask)
        except (OSError, HTTPException) as broken:
            self.leave()
            return 0, repr(broken).encode()

    def leave(self) -> None:
        """Close the connection; the next request opens another."""
        self._client.close()

    def pick(self, kind: str) -> str:
        """Return one of this renter's rentals to ask about; "" where there is none."""
        if kind == "pay":
            return self._unpaid.pop() if self._unpaid else ""
        if kind == "cancel":
            return self._paid.pop() if self._paid else ""
        if kind == "status" and len(self._unpaid) > _SETTLED:
            return self._unpaid[0]  # the view may be a moment behind what is newest
        return ""

    def keep(self, rental: Mapping[str, Any]) -> None:
        """Remember a rental."""
        mine: Sequence[Any] = (self._paid, self._unpaid)
        mine[rental["state"] != "paid"].append(str(rental["id"]))


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
