"""The fake provider as two HTTP servers: one for its customers, which can be down, and one to control it, which never is."""

import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RDWR, socket
from socketserver import TCPServer
from threading import Lock, Thread, Timer
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct

from apps.payments.gateways.fake import calls, fault_injection
from apps.payments.gateways.fake.calls import Answer, BadRequestError
from apps.payments.gateways.fake.faults import Fault, Seconds
from apps.payments.gateways.fake.provider import FakeProvider

Address: TypeAlias = tuple[str, int]

_LARGEST_BYTES = 64 * 1024


class FaultsRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The faults that shall be set from now on, and no others."""

    faults: list[Fault]


class DowntimeRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the provider shall be down; until it is told otherwise, if that is left out."""

    for_s: Seconds | None = None


class FakeServer:
    """A fake provider that listens, at once; port 0 picks one."""

    def __init__(self, *, provider: FakeProvider, address: Address, control: Address) -> None:
        self.provider = provider
        self._front = _Door(server=self, address=address)
        self._control = _Door(server=self, address=control)
        self._healing: Timer | None = None

    @property
    def address(self) -> Address:
        """Where customers call."""
        return self._front.address

    @property
    def control_address(self) -> Address:
        """Where it is told how to fail, and asked what it has seen."""
        return self._control.address

    def go_down(self, *, for_s: float | None) -> None:
        """Refuse connections and drop those there are, for so long or until `come_up`."""
        self.come_up()
        self._front.close()
        if for_s is not None:
            self._healing = Timer(for_s, self._front.open)
            self._healing.daemon = True
            self._healing.start()

    def come_up(self) -> None:
        """Take connections again."""
        if self._healing is not None:
            self._healing.cancel()
            self._healing = None
        self._front.open()

    def stop(self) -> None:
        """Take no more connections, and drop those there are."""
        self._front.close()
        self._control.close()


class _Door:
    """A listening socket that can be closed, and opened again at the same address."""

    def __init__(self, *, server: FakeServer, address: Address) -> None:
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
                self._listener.hang_up()
                self._listener = None


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 1024  # hundreds may call at one moment

    def __init__(self, server: FakeServer, address: Address) -> None:
        self.server = server
        self._connections: set[socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind, without asking DNS for the machine's name as http.server does."""
        TCPServer.server_bind(self)
        self.server_port = self.socket.getsockname()[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        """Drop every connection."""
        for connection in self._connections.copy():
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let customers who hung up go in silence."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Say nothing: each call is told of in one line of ours."""

    def _serve(self) -> None:
        server = self.server.server
        try:
            body = self._read()
            control = _CONTROL.get((self.command, self.path))
            if control is not None:
                fault_injection.send(line=self, answer=control(server, body))
                return
            server.provider.serve(line=self, asked=calls.understand(verb=self.command, target=self.path, body=body))
        except BadRequestError as error:
            fault_injection.send(line=self, answer=calls.told(error.status, {"error": str(error)}))

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815  # the library's names

    def _read(self) -> bytes:
        length = self.headers.get("Content-Length", "0")
        if not length.isdecimal() or int(length) > _LARGEST_BYTES:
            self.close_connection = True
            raise BadRequestError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a body says its length, {_LARGEST_BYTES} bytes at most")
        return self.rfile.read(int(length))


def _tell_faults(server: FakeServer, _body: bytes) -> Answer:
    return calls.told(HTTPStatus.OK, {"faults": server.provider.faults.get()})


def _set_faults(server: FakeServer, body: bytes) -> Answer:
    server.provider.faults.put(faults=calls.read(body=body, shape=FaultsRequest).faults)
    server.provider.webhooks.release()
    return _tell_faults(server, body)


def _clear_faults(server: FakeServer, _body: bytes) -> Answer:
    return _set_faults(server, msgspec.json.encode(FaultsRequest(faults=[])))


def _go_down(server: FakeServer, body: bytes) -> Answer:
    server.go_down(for_s=calls.read(body=body or b"{}", shape=DowntimeRequest).for_s)
    return calls.told(HTTPStatus.OK, {"is_down": True})


def _come_up(server: FakeServer, _body: bytes) -> Answer:
    server.come_up()
    return calls.told(HTTPStatus.OK, {"is_down": False})


def _tell_stats(server: FakeServer, _body: bytes) -> Answer:
    return calls.told(HTTPStatus.OK, server.provider.stats())


_CONTROL: Mapping[tuple[str, str], Callable[[FakeServer, bytes], Answer]] = MappingProxyType(
    {
        ("GET", "/v1/faults"): _tell_faults,
        ("PUT", "/v1/faults"): _set_faults,
        ("DELETE", "/v1/faults"): _clear_faults,
        ("PUT", "/v1/down"): _go_down,
        ("DELETE", "/v1/down"): _come_up,
        ("GET", "/v1/stats"): _tell_stats,
    }
)
