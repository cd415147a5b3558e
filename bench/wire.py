"""A closed loop over kept connections in one thread: cheap, so that the load takes little of the machine that it measures.

A client is a generator: it yields requests, as `Request` or as bytes, and is sent each answer's status and body.
"""

import json
import selectors
import socket
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from statistics import quantiles
from typing import Any

from deploy.client import Request

WARM_UP_S = 1.0
_TIMEOUT_S = 60.0
_CHUNK = 1 << 16
Scenario = Generator[Request | bytes, tuple[int, bytes], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """The result of a closed loop; latencies in milliseconds, not a number where too few answers came."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    answered: int
    failed: int


def encode(method: str, path: str, *, headers: Mapping[str, str] | None = None, body: Any = None) -> bytes:
    """Return an HTTP/1.1 request; the body is sent as JSON."""
    sent = {"Host": "localhost", "Accept": "application/json", **(headers or {})}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
    raw = b"" if body is None else json.dumps(body).encode()
    if raw or method != "GET":
        lines += ["Content-Type: application/json", f"Content-Length: {len(raw)}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + raw


def closed_loop(*, port: int, requests: Callable[[int], Iterable[Request | bytes]], clients: int, seconds: float) -> Measured:
    """Let `clients` send requests for `seconds`, after a second to warm up; `requests` gives those of a client by its number."""
    begins = time.perf_counter() + WARM_UP_S
    latencies: list[float] = []
    failed = 0
    for began, ended, status in exchanges(
        port=port, scenarios=[_plain(requests(number)) for number in range(clients)], ends=begins + seconds
    ):
        if began >= begins:
            latencies.append((ended - began) * 1000)
            failed += status >= HTTPStatus.BAD_REQUEST or not status
    cuts = percentiles(latencies)
    return Measured(requests_per_s=len(latencies) / seconds, p50_ms=cuts[49], p99_ms=cuts[98], answered=len(latencies), failed=failed)


def percentiles(values: list[float]) -> list[float]:
    """Return the 99 percentiles of the values, not numbers for fewer than two."""
    return quantiles(values, n=100) if len(values) > 1 else [float("nan")] * 99


def exchanges(*, port: int, scenarios: Iterable[Scenario], ends: float) -> Iterator[tuple[float, float, int]]:
    """Yield when each request began and ended, and its status, 0 for a broken connection; none begins after `ends`."""
    with selectors.DefaultSelector() as selector:
        for scenario in scenarios:
            connection = _Connection(port, scenario)
            if connection.ask(next(scenario, None)):
                selector.register(connection, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(_TIMEOUT_S)
            if not ready:
                raise TimeoutError(f"No answer for {_TIMEOUT_S:g} s.")
            for key, _ in ready:
                connection = key.fileobj  # type: ignore[assignment]  # what was registered
                answer = connection.receive()
                if answer is None:
                    continue
                ended = time.perf_counter()
                yield connection.began, ended, answer[0]
                if connection.is_closed:
                    selector.unregister(connection)
                    connection.open()
                    selector.register(connection, selectors.EVENT_READ)
                if ended >= ends or not connection.ask(connection.next_after(answer)):
                    selector.unregister(connection)
                    connection.close()


class _Connection:
    """One client's connection, and what it receives."""

    def __init__(self, port: int, scenario: Scenario) -> None:
        self.began, self.is_closed = 0.0, False
        self._port, self._scenario, self._received = port, scenario, bytearray()
        self.open()

    def open(self) -> None:
        """Connect, again if need be."""
        self.is_closed = False
        self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=_TIMEOUT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._number = self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """For the selector, also after the other side closed it."""
        return self._number

    def ask(self, request: Request | bytes | None) -> bool:
        """Send the next request; return whether there was one."""
        if request is None:
            return False
        if isinstance(request, Request):
            headers = {"Authorization": f"Bearer {request.token}"} if request.token else {}
            request = encode(request.method, request.path, headers=headers, body=request.body)
        self._received.clear()
        self.began = time.perf_counter()
        self._socket.sendall(request)
        return True

    def next_after(self, answer: tuple[int, bytes]) -> Request | bytes | None:
        try:
            return self._scenario.send(answer)
        except StopIteration:
            return None

    def receive(self) -> tuple[int, bytes] | None:
        """Return status and body once the answer is complete; status 0 if the connection broke."""
        try:
            data = self._socket.recv(_CHUNK)
        except OSError:
            data = b""
        if not data:
            self.is_closed = True
            self._socket.close()
            return 0, b""
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = bytes(self._received[:end]).lower()
        body = _body(head, self._received[end + 4 :])
        if body is None:
            return None
        if b"\r\nconnection: close" in head:
            self.is_closed = True
            self._socket.close()
        return int(head.split(b" ", 2)[1]), body


def _body(head: bytes, rest: bytearray) -> bytes | None:
    """Return the body if all of it is there."""
    if b"\r\ntransfer-encoding: chunked" in head:
        return _joined(rest) if rest.endswith(b"0\r\n\r\n") else None
    _, _, after = head.partition(b"\r\ncontent-length:")
    length = int(after.split(b"\r\n", 1)[0]) if after else 0
    return bytes(rest[:length]) if len(rest) >= length else None


def _joined(chunked: bytearray) -> bytes:
    """Return the body of its chunks."""
    joined, at = bytearray(), 0
    while size := int(chunked[at : (end := chunked.index(b"\r\n", at))], 16):
        joined += chunked[end + 2 : end + 2 + size]
        at = end + 4 + size
    return bytes(joined)


def _plain(requests: Iterable[Request | bytes]) -> Scenario:
    for request in requests:  # noqa: UP028  # an iterator is not sent the answers
        yield request
