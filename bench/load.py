"""A load of clients that each wait for their answer before they ask again (a closed loop), over kept-alive connections."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from statistics import quantiles

WARM_UP_S = 1.0


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

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = quantiles(latencies, n=100)
    return Measured(
        requests_per_s=len(latencies) / seconds,
        p50_ms=cuts[49] * 1000,
        p99_ms=cuts[98] * 1000,
        answered=len(latencies),
        failed=len(failures),
    )
