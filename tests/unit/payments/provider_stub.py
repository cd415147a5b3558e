"""A stub of a real provider: a local HTTP server that answers in the provider's documented shapes."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

RECORDED = Path(__file__).parent / "recorded"


@dataclass(frozen=True, kw_only=True)
class Request:
    """What came in; names of `headers` are in lower case, `query` has the last value of each name."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def call(self) -> str:
        """Return the method and the path."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response; status 0 closes the connection without one."""

    status: int = 200
    body: Any = None
    headers: tuple[tuple[str, str], ...] = ()


LOST = Reply(status=0)


class ProviderStub(ABC):
    """A provider with a store; `requests` are what it received.

    `instead` may replace the answer without performing the request, `afterwards` after performing it.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.instead: Callable[[Request], Reply | None] = lambda _: None
        self.afterwards: Callable[[Request], Reply | None] = lambda _: None
        self.lock = Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stub = self
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Perform the request; called under the lock."""

    def calls(self) -> list[str]:
        """Return the calls received, in order."""
        return [request.call for request in self.requests]

    def close(self) -> None:
        """Stop; clients must have closed their connections."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def reply(self, request: Request) -> Reply:
        """Return the reply, or what a test replaced it with."""
        with self.lock:
            self.requests.append(request)
        instead = self.instead(request)
        if instead is not None:
            return instead
        with self.lock:
            reply = self.answer(request)
        return self.afterwards(request) or reply


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128  # many threads connect at one moment
    stub: ProviderStub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # a response is sent at once
    server: _Server

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except OSError:  # the client closed the connection
            self.close_connection = True

    def do_GET(self) -> None:
        target = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=target.path,
            query={name: values[-1] for name, values in parse_qs(target.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length", 0))),
        )
        reply = self.server.stub.reply(request)
        if not reply.status:
            self.close_connection = True
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in (*reply.headers, ("Content-Type", "application/json"), ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # its signature
        pass


AnyStub = TypeVar("AnyStub", bound=ProviderStub)


@contextmanager
def running(stub: AnyStub) -> Iterator[AnyStub]:
    """Stop the stub when the block is left."""
    try:
        yield stub
    finally:
        stub.close()


def recorded(name: str) -> Any:
    """Return a recorded shape, such as `toss/payment`."""
    return json.loads((RECORDED / f"{name}.json").read_text())


def only(call: str, reply: Reply) -> Callable[[Request], Reply | None]:
    """Reply to this call so, and to the others as usual."""
    return lambda request: reply if request.call == call else None
