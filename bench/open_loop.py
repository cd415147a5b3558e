"""An open loop over kept connections: requests at a constant rate, whatever the answers take."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from itertools import count

from deploy.client import Client, Request

_MOST_AT_ONCE = 16


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """The answer to one request; status 0 where the connection broke. `at_s` is when it came, from the start of the load."""

    request: Request
    status: int
    body: bytes
    latency_ms: float
    at_s: float


def open_loop(*, port: int, requests: Sequence[Request], rate: float, is_over: Callable[[], bool]) -> list[Answer]:
    """Send the requests at an even rate, over and over, until `is_over`.

    Latencies count from when a request was due, so that a server that stands still does not slow the load down.
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
            answers.append(send(client, requests[number % len(requests)], began=due_at, load_began=begins))

    run_threads([work] * _MOST_AT_ONCE)
    return answers


def send(client: Client, request: Request, *, began: float, load_began: float) -> Answer:
    """Send one request, timed from `began`; a broken connection is replaced."""
    try:
        status, body = client.send(request)
    except (OSError, HTTPException):
        client.close()
        status, body = 0, b""
    now = time.perf_counter()
    return Answer(request=request, status=status, body=body, latency_ms=(now - began) * 1000, at_s=now - load_began)


def run_threads(works: Sequence[Callable[[], None]]) -> None:
    """Run these concurrently, to their ends."""
    threads = [threading.Thread(target=work) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
