"""What stands in front of the gateway and behind it in its tests: a client that says what it is told, and servers that misbehave."""

import json
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from deploy.local.gateway import Gateway
from deploy.servers.ports import free_port

PATIENCE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, with the names of its headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document, which must be whole, and of one story with its header."""
        assert self.headers["content-type"] == "application/problem+json", self
        told: dict[str, Any] = json.loads(self.body)
        assert set(told) == {"type", "title", "status", "detail", "code", "correlation_id"}
        assert (told["status"], told["type"]) == (self.status, f"urn:gdmarket:problem:{told['code']}")
        assert told["correlation_id"] == self.headers["x-correlation-id"] != ""
        return told


def ask(port: int, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """Send one request over a connection of its own; `_` in a header's name stands for `-`."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(status=answer.status, headers={name.lower(): value for name, value in answer.getheaders()}, body=answer.read())
    finally:
        connection.close()


def say(port: int, words: bytes) -> socket.socket:
    """Send these bytes and no more, and keep the connection."""
    line = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    line.sendall(words)
    return line


@contextmanager
def gateway(*, servers: Mapping[str, int], **settings: str) -> Iterator[Gateway]:
    """Run a gateway of one's own in front of some servers, by slot and port, with settings such as `GATEWAY_RATE`."""
    with tempfile.TemporaryDirectory(prefix="gdmarket-edge-") as folder:
        edge = Gateway(port=free_port(), folder=Path(folder), report=lambda _: None)
        edge.start(environment={"GATEWAY_RATE": "100000", **settings})
        try:
            for slot, port in servers.items():
                edge.enable(slot=slot, port=port)
            yield edge
        finally:
            edge.stop()


class Rogue(ThreadingHTTPServer):
    """A server that is ready and, asked anything, notes it and breaks off; or, with `is_kind`, tells which headers it got."""

    def __init__(self, *, is_kind: bool = False, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _Rudely)
        self.is_kind = is_kind
        self.asked: list[str] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


@contextmanager
def running(server: Rogue) -> Iterator[Rogue]:
    """Let it serve for the length of the block."""
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Rudely(BaseHTTPRequestHandler):
    server: Rogue

    def do_GET(self) -> None:
        if self.path != "/health/ready":
            self.server.asked.append(self.command)
            if not self.server.is_kind:
                return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([[name, value] for name, value in self.headers.items()]).encode())

    do_POST = do_GET  # noqa: N815  # as http.server wants it

    def log_message(self, *_: object) -> None:
        """Say nothing."""
