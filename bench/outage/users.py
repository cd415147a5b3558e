"""The people who ask: each waits for an answer, thinks, and asks again; every answer is noted with its time."""

import json
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from itertools import count

from bench.http import API, token
from bench.load import Ask, Client
from bench.outage.plan import Plan

PAID, UNPAID, READ = "request and pay", "request, pay later", "read"
# What a user does next, and how often.
_WISHES = {PAID: 6, UNPAID: 2, READ: 4}


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One answer: when it came, in seconds from the beginning, what was asked, and how it went; status 0 where the connection broke."""

    asked_s: float
    answered_s: float
    wish: str
    status: int

    @property
    def latency_ms(self) -> float:
        """How long it took."""
        return (self.answered_s - self.asked_s) * 1000


class Users:
    """A crowd, spread over the servers."""

    def __init__(self, *, plan: Plan, ports: Sequence[int]) -> None:
        self._plan = plan
        self._ports = ports
        client = Client(ports[0])
        self._tokens = [token(client, email=f"renter{name}@example.com") for name in ("", "2", "3")]
        items = json.loads(client.send(Ask(method="GET", path=f"{API}/items?limit=100&availability=available"))[1])["results"]
        self._items = [item["id"] for item in items]
        self._numbers = count()
        self.answers: list[Answer] = []

    def run(self, *, began: float, is_over: Callable[[], bool]) -> None:
        """Let all of them ask until it is over."""
        threads = [threading.Thread(target=self._live, args=(number, began, is_over)) for number in range(self._plan.users)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _live(self, number: int, began: float, is_over: Callable[[], bool]) -> None:
        chance = random.Random(number)
        port = self._ports[number % len(self._ports)]
        client = Client(port)
        time.sleep(chance.uniform(0, self._plan.think_s))
        while not is_over():
            (wish,) = chance.choices(list(_WISHES), list(_WISHES.values()))
            ask = self._ask(wish, self._tokens[number % len(self._tokens)], chance)
            asked_s = time.monotonic() - began
            try:
                status, _ = client.send(ask)
            except (OSError, HTTPException):
                status, client = 0, Client(port)
            self.answers.append(Answer(asked_s=asked_s, answered_s=time.monotonic() - began, wish=wish, status=status))
            time.sleep(chance.uniform(0.5, 1.5) * self._plan.think_s)

    def _ask(self, wish: str, token_: str, chance: random.Random) -> Ask:
        if wish == READ:
            paths = (f"{API}/items?near=37.5446,127.0559", f"{API}/status/rentals?limit=5", f"{API}/rentals?limit=5")
            return Ask(method="GET", path=chance.choice(paths), token=token_)
        # Every request has an hour of its own.
        number = next(self._numbers)
        starts_at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=40, hours=number // len(self._items))
        body = {
            "item": self._items[number % len(self._items)],
            "starts_at": starts_at.isoformat(),
            "ends_at": (starts_at + timedelta(hours=1)).isoformat(),
        }
        return Ask(method="POST", path=f"{API}/rentals", token=token_, body=body | ({"payment_method": "pm_ok"} if wish == PAID else {}))


def is_taken(status: int) -> bool:
    """Say whether a request was taken: done, or under way."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
