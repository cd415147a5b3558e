"""The relay's own port: whether it lives, and what it counts. It touches no database, so that it answers however things stand there."""

import json
import logging
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from threading import Thread
from urllib.parse import urlsplit

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from gdmarket import builds  # noqa: F401  # registers gdmarket_build_info
from gdmarket.bus.watchdog import Watchdog

_log = logging.getLogger(__name__)


def open_port(*, host: str, port: int, watchdog: Watchdog) -> ThreadingHTTPServer:
    """Answer `GET /health/live` and `GET /metrics` at this address, in threads that end with the process.

    :raises OSError: if the address is taken, or cannot be had
    """
    REGISTRY.register(watchdog)
    server = _Server((host, port), watchdog)
    Thread(target=server.serve_forever, name="port", daemon=True).start()
    return server


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], watchdog: Watchdog) -> None:
        self.watchdog = watchdog
        super().__init__(address, _Answer)

    def server_bind(self) -> None:
        """Take the address, without http.server's look-up of its name, which may hang."""
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of callers that hang up."""
        _log.debug("a caller of the relay's port was not answered", exc_info=True)


class _Answer(BaseHTTPRequestHandler):
    server: _Server
    timeout = 5.0  # who says nothing holds a thread no longer
    server_version, sys_version = "relay", ""

    def do_GET(self) -> None:  # http.server's name
        match urlsplit(self.path).path:
            case "/health/live":
                self._tell_life()
            case "/metrics":
                self._send(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
            case _:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"There is nothing at this address.\n")

    do_HEAD = do_GET  # noqa: N815  # the same

    def _tell_life(self) -> None:
        hanging = self.server.watchdog.hanging()
        status = HTTPStatus.SERVICE_UNAVAILABLE if hanging else HTTPStatus.OK
        body = {"status": "hanging", "hanging": hanging} if hanging else {"status": "live"}
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
        """Write no line for each probe."""
