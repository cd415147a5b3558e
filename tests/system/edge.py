"""A client and servers for the gateway's tests: raw requests, and servers that misbehave."""

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

from deploy.local.cluster import Cluster, Web
from deploy.local.gateway import Gateway
from deploy.servers.ports import free_port
from deploy.servers.waiting import wait_until

PATIENCE_S = 30.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One answer, with header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def problem(self) -> dict[str, Any]:
        """The problem document, checked: its fields, and the status and correlation id of the response."""
        assert self.headers["content-type"] == "application/problem+json", self
        document: dict[str, Any] = json.loads(self.body)
        assert set(document) == {"type", "title", "status", "detail", "code", "correlation_id"}
        assert (document["status"], document["type"]) == (self.status, f"urn:gdmarket:problem:{document['code']}")
        assert document["correlation_id"] == self.headers["x-correlation-id"] != ""
        return document


def send(port: int, path: str, *, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """Send one request over a connection of its own; `_` in a header's name stands for `-`."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request(method, path, body=body, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return Answer(status=answer.status, headers={name.lower(): value for name, value in answer.getheaders()}, body=answer.read())
    finally:
        connection.close()


def send_raw(port: int, data: bytes) -> socket.socket:
    """Send these bytes and return the open connection."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    connection.sendall(data)
    return connection


@contextmanager
def gateway(*, servers: Mapping[str, int], **settings: str) -> Iterator[Gateway]:
    """Run another gateway in front of these servers, given as slots and ports; `settings` are variables such as `GATEWAY_RATE`."""
    with tempfile.TemporaryDirectory(prefix="gdmarket-edge-") as folder:
        edge = Gateway(port=free_port(), folder=Path(folder), report=lambda _: None)
        edge.start(environment={"GATEWAY_RATE": "100000", "GATEWAY_AUTH_RATE": "100000", **settings})
        try:
            for slot, port in servers.items():
                edge.enable(slot=slot, port=port)
            yield edge
        finally:
            edge.stop()


@contextmanager
def extra_server(cluster: Cluster, **settings: str) -> Iterator[Web]:
    """Run another server of the cluster, behind no gateway, with additional settings; gives it once it is ready."""
    web = cluster.start_web(**settings)
    try:
        wait_until(lambda: cluster.is_ready(web), "the server to be ready")
        yield web
    finally:
        web.supervisor.stop()
        cluster.webs.remove(web)


class StubServer(ThreadingHTTPServer):
    """A server that is ready, records the method of each request and hangs up; with `echoes` it returns the request's headers."""

    def __init__(self, *, echoes: bool = False, address: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        super().__init__(address, _StubHandler)
        self.echoes = echoes
        self.requests: list[str] = []

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])


@contextmanager
def running(server: StubServer) -> Iterator[StubServer]:
    """Run a server for the length of the block."""
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _StubHandler(BaseHTTPRequestHandler):
    server: StubServer

    def do_GET(self) -> None:
        if self.path != "/health/ready":
            self.server.requests.append(self.command)
            if not self.server.echoes:
                return
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps([[name, value] for name, value in self.headers.items()]).encode())

    do_POST = do_GET  # noqa: N815  # http.server's name

    def log_message(self, *_: object) -> None:
        """Log nothing."""
