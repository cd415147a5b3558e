"""Two HTTP servers: one for customers, which can be taken down, and one to control it, which cannot."""

import sys
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from threading import Lock, Thread, Timer
from typing import Any, TypeAlias

from msgspec import Struct

from deploy.simulator import calls, injection
from deploy.simulator.calls import BadRequestError, Reply
from deploy.simulator.faults import Fault, Seconds
from deploy.simulator.provider import Provider

Address: TypeAlias = tuple[str, int]

_LARGEST_BYTES = 64 * 1024


class FaultsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults to activate, and no others."""

    faults: list[Fault]


class DownRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For how many seconds the provider refuses connections; until it is brought up, if left out."""

    for_s: Seconds | None = None


class Server:
    """A simulator that listens at once; port 0 picks one."""

    def __init__(self, *, provider: Provider, address: Address, control: Address) -> None:
        self.provider = provider
        self._front = _Endpoint(server=self, address=address)
        self._control = _Endpoint(server=self, address=control)
        self._coming_up: Timer | None = None

    @property
    def address(self) -> Address:
        """Where customers call."""
        return self._front.address

    @property
    def control_address(self) -> Address:
        """Where faults are set and statistics read."""
        return self._control.address

    def go_down(self, *, for_s: float | None) -> None:
        """Refuse connections and drop the open ones, for so many seconds or until `come_up`."""
        self.come_up()
        self._front.close()
        if for_s is not None:
            self._coming_up = Timer(for_s, self._front.open)
            self._coming_up.daemon = True
            self._coming_up.start()

    def come_up(self) -> None:
        """Take connections again."""
        if self._coming_up is not None:
            self._coming_up.cancel()
            self._coming_up = None
        self._front.open()

    def stop(self) -> None:
        """Take no more connections, and drop the open ones."""
        self._front.close()
        self._control.close()

    def control(self, verb: str, path: str, body: bytes) -> Reply | None:
        """Return the reply to a control request; None if it is none."""
        match verb, path:
            case "PUT", "/v1/faults":
                self._replace_faults(calls.decode(body=body, shape=FaultsRequest).faults)
            case "DELETE", "/v1/faults":
                self._replace_faults([])
            case "PUT", "/v1/down":
                self.go_down(for_s=calls.decode(body=body or b"{}", shape=DownRequest).for_s)
            case "DELETE", "/v1/down":
                self.come_up()
            case "GET", "/v1/stats":
                return calls.json_reply(HTTPStatus.OK, self.provider.stats())
            case "GET", "/v1/faults":
                pass
            case _:
                return None
        message = {"is_down": verb == "PUT"} if path == "/v1/down" else {"faults": self.provider.faults.list_active()}
        return calls.json_reply(HTTPStatus.OK, message)

    def _replace_faults(self, faults: list[Fault]) -> None:
        self.provider.faults.replace(faults=faults)
        self.provider.webhooks.release()


class _Endpoint:
    """A listening socket that can be closed, and opened again at the same address."""

    def __init__(self, *, server: Server, address: Address) -> None:
        self._server = server
        self.address = address
        self._listener: _Listener | None = None
        self._lock = Lock()
        self.open()

    def open(self) -> None:
        with self._lock:
            if self._listener is None:
                self._listener = _Listener(self._server, self.address)
                self.address = (self.address[0], self._listener.server_port)
                Thread(target=self._listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        with self._lock:
            if self._listener is not None:
                self._listener.shutdown()
                self._listener.server_close()
                self._listener.drop_connections()
                self._listener = None


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024  # hundreds may call at one moment

    def __init__(self, server: Server, address: Address) -> None:
        self.server = server
        self._connections: set[socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without a DNS lookup of the machine's name, which http.server makes."""
        TCPServer.server_bind(self)
        self.server_port = self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def drop_connections(self) -> None:
        for connection in self._connections.copy():
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # customers hang up
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Log nothing: the provider logs each call in a line of its own."""

    def _serve(self) -> None:
        server = self.server.server
        try:
            body = self._read()
            reply = server.control(self.command, self.path, body)
            if reply is None:
                server.provider.serve(handler=self, call=calls.parse(verb=self.command, target=self.path, body=body))
                return
        except BadRequestError as error:
            reply = calls.json_reply(error.status, {"error": str(error)})
        injection.send(self, reply)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  # the library's names

    def _read(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BYTES:
            self.close_connection = True
            raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body declares its length, {_LARGEST_BYTES} bytes at most")
        return self.rfile.read(int(length))
