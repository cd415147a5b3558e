"""Loads over kept-alive connections: clients that wait for their answer before they ask again, or requests at an even rate."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from itertools import count
from statistics import quantiles

WARM_UP_S = 1.0
_MOST_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request; the body is JSON."""

    method: str
    path: str
    token: str = ""
    body: dict[str, str] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """What came of a load; latencies in milliseconds."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    answered: int
    failed: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came of one request; status 0 where the connection broke."""

    ask: Ask
    status: int
    body: bytes
    latency_ms: float


class Client:
    """One connection to the market."""

    def __init__(self, port: int) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=60)

    def send(self, ask: Ask) -> tuple[int, bytes]:
        """Return the status and the body of the answer."""
        headers = {"Authorization": f"Bearer {ask.token}"} if ask.token else {}
        body = None if ask.body is None else json.dumps(ask.body)
        if body is not None:
            headers["Content-Type"] = "application/json"
        self._connection.request(ask.method, ask.path, body=body, headers=headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read()

    def close(self) -> None:
        """Give the connection back."""
        self._connection.close()


def offer(*, port: int, asks: Sequence[Ask], rate: float, is_over: Callable[[], bool]) -> list[Answer]:
    """Ask at an even rate, over and over, until `is_over`: who waits for an answer keeps nobody else (an open loop).

    Latencies count from when a request was due, so that a server that stands still is not let off.
    """
    answers: list[Answer] = []
    numbers = count()
    begins = time.perf_counter()

    def work() -> None:
        client = Client(port)
        while not is_over():
            number = next(numbers)
            due_at = begins + number / rate
            time.sleep(max(0.0, due_at - time.perf_counter()))
            ask = asks[number % len(asks)]
            try:
                status, body = client.send(ask)
            except (OSError, HTTPException):
                status, body, client = 0, b"", Client(port)
            answers.append(Answer(ask=ask, status=status, body=body, latency_ms=(time.perf_counter() - due_at) * 1000))

    _run_threads([work] * _MOST_AT_ONCE)
    return answers


def load(*, port: int, asks: Callable[[int], Iterator[Ask]], clients: int, seconds: float) -> Measured:
    """Let `clients` ask for `seconds`, after a second to warm up; `asks` gives the requests of one client by its number."""
    latencies: list[float] = []
    failures: list[int] = []
    begins = time.perf_counter() + WARM_UP_S
    ends = begins + seconds

    def work(number: int) -> None:
        client = Client(port)
        for ask in asks(number):
            started = time.perf_counter()
            if started >= ends:
                return
            status, _ = client.send(ask)
            if started >= begins:
                latencies.append(time.perf_counter() - started)
                if status >= HTTPStatus.BAD_REQUEST:
                    failures.append(status)

    _run_threads([partial(work, number) for number in range(clients)])
    cuts = quantiles(latencies, n=100)
    return Measured(
        requests_per_s=len(latencies) / seconds,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
        answered=len(latencies),
        failed=len(failures),
    )


def _run_threads(works: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
