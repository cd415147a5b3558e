"""People who read the status view, and what they must be told: what they were told before."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from statistics import quantiles
from typing import Any

from bench.http import API, token
from bench.load import Ask, Client, offer

RENTERS = ("renter@example.com", "renter2@example.com", "renter3@example.com")
MANAGERS = ("manager@example.com", "manager2@example.com")
_RENTALS_A_PERSON = 40


@dataclass(frozen=True, kw_only=True, slots=True)
class Read:
    """What came of a stretch of reading; latencies in milliseconds, from when a read was due."""

    answered: int
    failed: int
    differing: int
    p50_ms: float
    p99_ms: float


class Readers:
    """Two managers and three renters, who look at their lists and at single rentals in turn."""

    def __init__(self, *, port: int) -> None:
        self._port = port
        client = Client(port)
        self._asks = [ask for email in (*RENTERS, *MANAGERS) for ask in _asks_of(client, email=email)]
        self._expected = {_key(ask): _told(client.send(ask)) for ask in self._asks}

    def read(self, *, rate: float, is_over: Callable[[], bool]) -> Read:
        """Read so often a second until `is_over`."""
        answers = offer(port=self._port, asks=self._asks, rate=rate, is_over=is_over)
        cuts = quantiles([answer.latency_ms for answer in answers], n=100)
        good = [answer for answer in answers if answer.status == HTTPStatus.OK]
        differing = sum(_told((answer.status, answer.body)) != self._expected[_key(answer.ask)] for answer in good)
        return Read(answered=len(good), failed=len(answers) - len(good), differing=differing, p50_ms=cuts[49], p99_ms=cuts[98])


def _asks_of(client: Client, *, email: str) -> list[Ask]:
    access = token(client, email=email)
    lists = [f"{API}/status/rentals?limit={_RENTALS_A_PERSON}", f"{API}/status/rentals?state=returned"]
    if email in MANAGERS:
        lists += [f"{API}/status/items", f"{API}/status/items?availability=rented"]
    page = _told(client.send(Ask(method="GET", path=lists[0], token=access)))
    paths: list[str] = []
    for number, rental in enumerate(page):
        paths += [f"{API}/status/rentals/{rental['id']}", *([lists[number // 4 % len(lists)]] if number % 4 == 0 else [])]
    return [Ask(method="GET", path=path, token=access) for path in paths]


def _told(answer: tuple[int, bytes]) -> Any:
    status, body = answer
    assert status == HTTPStatus.OK, body
    document = json.loads(body)
    return document.get("results", document)  # a list's cursors carry the time they were made


def _key(ask: Ask) -> tuple[str, str]:
    return ask.path, ask.token
