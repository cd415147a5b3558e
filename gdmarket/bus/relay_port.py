"""The relay's HTTP port: its liveness probe and its metrics. It uses no database, so that it answers while one is away."""

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

    :raises OSError: if the address is taken or cannot be bound
    """
    server = _RelayServer((host, port), watchdog)
    Thread(target=server.serve_forever, name="port", daemon=True).start()
    return server


class _RelayServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], watchdog: Watchdog) -> None:
        self.watchdog = watchdog
        super().__init__(address, _RelayRequestHandler)

    def server_bind(self) -> None:
        """Bind the address without http.server's look-up of its name, which may hang."""
        TCPServer.server_bind(self)

    def handle_error(self, request: object, client_address: object) -> None:
        """Log a client that hangs up at debug level."""
        _log.debug("a client of the relay's port was not answered", exc_info=True)


class _RelayRequestHandler(BaseHTTPRequestHandler):
    server: _RelayServer
    timeout = 5.0  # a silent client holds a thread no longer
    server_version, sys_version = "relay", ""

    def do_GET(self) -> None:  # http.server's name
        match urlsplit(self.path).path:
            case "/health/live":
                hanging = self.server.watchdog.hanging()
                status = HTTPStatus.SERVICE_UNAVAILABLE if hanging else HTTPStatus.OK
                body = {"status": "hanging", "hanging": hanging} if hanging else {"status": "live"}
                self._send(status, "application/json", json.dumps(body).encode())
            case "/metrics":
                self._send(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(REGISTRY))
            case _:
                self._send(HTTPStatus.NOT_FOUND, "text/plain", b"Not found.\n")

    do_HEAD = do_GET  # noqa: N815  # the same

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
