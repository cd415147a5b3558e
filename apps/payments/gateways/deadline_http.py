"""An HTTP client with one deadline for the whole call, bounded responses, no redirects, and errors that say whether anything was sent."""

import os
import socket
import ssl
import time
from collections.abc import Collection, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore
import msgspec
from django.core.exceptions import ImproperlyConfigured

from apps.payments.gateways.port import NoAnswerError, NotSentError
from gdmarket import correlation, spans

LARGEST_BYTES = 64 * 1024
LONGEST_WAIT_S = 3600.0
_IDLE_S = 2.0
_BROKEN = 500
_FAILURES = (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)
_REASONS: dict[type[Exception], str] = {
    httpcore.TimeoutException: "timed_out",
    httpcore.ConnectError: "connection_refused",
    httpcore.NetworkError: "reset",
    httpcore.ProtocolError: "unreadable",
}
_CONNECT_REASONS: dict[type[Exception], str] = {socket.gaierror: "unknown_host", ssl.SSLError: "tls_failed"}

Shape = TypeVar("Shape")


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpResponse:
    """A response; names of `headers` are in lower case, `retry_after_s` is the server's Retry-After, at most an hour."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    retry_after_s: float | None = None


class DeadlineHttpClient:
    """A client of one server, safe across threads; a forked process makes its own connections.

    `headers` go with every request. TLS is verified; plain http:// is allowed for this machine and `insecure_hosts` only.
    :raises ImproperlyConfigured: if `base_url` is another kind of address
    """

    def __init__(self, *, base_url: str, headers: Mapping[str, str] | None = None, insecure_hosts: Collection[str] = ()) -> None:
        self._base_url = _checked(base_url, insecure_hosts)
        self._host = urlsplit(base_url).hostname or ""
        self._headers = dict(headers or {})
        self._lock = Lock()
        self._pool: httpcore.ConnectionPool | None = None
        self._owner = 0

    def send(
        self,
        *,
        method: str,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        deadline_s: float,
        largest_bytes: int = LARGEST_BYTES,
    ) -> HttpResponse:
        """Send a request once and return its response, whatever its status, within `deadline_s` in all.

        :raises NotSentError: if no byte of the request went out
        :raises NoAnswerError: if some did and no complete response of at most `largest_bytes` came back in time
        """
        call = _Call(ends_at=time.monotonic() + deadline_s)
        token = _call.set(call)
        try:
            with (
                spans.client_span(method, attributes={"http.request.method": method, "server.address": self._host}) as span,
                self._connections().stream(
                    method,
                    self._base_url + path,
                    headers=list((self._headers | _trace_headers() | dict(headers or {})).items()),
                    content=None if method == "GET" else body,
                    extensions={"timeout": {"pool": deadline_s}},
                ) as response,
            ):
                spans.annotate(span, attributes={"http.response.status_code": response.status}, failed=response.status >= _BROKEN)
                return _answer(response, _read(response.iter_stream(), largest_bytes))
        except _FAILURES as failure:
            raise (NoAnswerError if call.is_sent else NotSentError)(_reason(failure)) from failure
        finally:
            _call.reset(token)

    def close(self) -> None:
        """Close every connection; the next call makes new ones."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _connections(self) -> httpcore.ConnectionPool:
        with self._lock:
            if self._pool is None or self._owner != os.getpid():
                self._owner = os.getpid()
                self._pool = httpcore.ConnectionPool(
                    ssl_context=ssl.create_default_context() if self._base_url.startswith("https:") else None,
                    max_connections=None,  # as many as we have threads, each of which calls once at a time
                    keepalive_expiry=_IDLE_S,
                    network_backend=_Network(),
                )
            return self._pool


def decode(response: HttpResponse, *, shape: type[Shape]) -> Shape:
    """Return the JSON of a response in its expected shape.

    :raises NoAnswerError: if it is anything else
    """
    try:
        return msgspec.json.decode(response.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NoAnswerError("unreadable") from error


def no_answer(response: HttpResponse) -> NoAnswerError:
    """Return the error for a response that settles nothing, with the server's Retry-After."""
    return NoAnswerError(f"http_{response.status}", retry_after_s=response.retry_after_s)


@dataclass(slots=True)
class _Call:
    """The current call: when it must end, and whether a byte of it was sent."""

    ends_at: float
    is_sent: bool = False

    def left_s(self, late: type[httpcore.TimeoutException]) -> float:
        left_s = self.ends_at - time.monotonic()
        if left_s <= 0:
            raise late("the deadline has passed")
        return left_s


_call: ContextVar[_Call] = ContextVar("gdmarket_wire_call")


class _Network(httpcore.NetworkBackend):
    """Sockets that wait no longer than the current call may; httpcore's own timeouts restart with every byte."""

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        call = _call.get()
        addresses = _addresses(host, port, call.left_s(httpcore.ConnectTimeout))
        failure: Exception = httpcore.ConnectError("no address")
        for tried, address in enumerate(addresses):
            share_s = call.left_s(httpcore.ConnectTimeout) / (len(addresses) - tried)  # an address that hangs leaves time for the next
            try:
                return _Stream(httpcore.SyncBackend().connect_tcp(address, port, timeout=share_s))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_call.get().left_s(httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        call = _call.get()
        left_s = call.left_s(httpcore.WriteTimeout)
        call.is_sent = call.is_sent or bool(buffer)
        self._stream.write(buffer, timeout=left_s)

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left_s = _call.get().left_s(httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname=server_hostname, timeout=left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _addresses(host: str, port: int, timeout_s: float) -> list[str]:
    """Return the addresses of a host. The system's resolver takes no timeout, so a thread waits for it."""
    found: SimpleQueue[list[str] | OSError] = SimpleQueue()

    def resolve() -> None:
        try:
            found.put([str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
        except OSError as error:
            found.put(error)

    Thread(target=resolve, name="resolver", daemon=True).start()
    try:
        addresses = found.get(timeout=timeout_s)
    except Empty as late:
        raise httpcore.ConnectTimeout("the name was not resolved in time") from late
    if isinstance(addresses, OSError):
        raise httpcore.ConnectError(addresses)
    return addresses


def _trace_headers() -> dict[str, str]:
    trace = correlation.current()
    return {"X-Correlation-ID": trace.correlation, "traceparent": trace.traceparent}


def _read(chunks: Iterable[bytes], largest_bytes: int) -> bytes:
    body = bytearray()
    for chunk in chunks:
        body += chunk
        if len(body) > largest_bytes:
            raise NoAnswerError("too_large")
    return bytes(body)


def _answer(response: httpcore.Response, body: bytes) -> HttpResponse:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers}
    return HttpResponse(status=response.status, headers=headers, body=body, retry_after_s=_retry_after_s(headers))


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Return the wait in seconds that Retry-After asks for; a date is relative to the server's own clock.

    Source: RFC 9110, section 10.2.3.
    """
    value = headers.get("retry-after", "").strip()
    try:
        wait_s = float(value) if value.isdecimal() else _instant(value) - _instant(headers.get("date", ""))
    except (ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), LONGEST_WAIT_S)


def _instant(date: str) -> float:
    return parsedate_to_datetime(date).timestamp()


def _reason(failure: Exception) -> str:
    cause = failure.args[0] if failure.args else None
    if isinstance(failure, httpcore.ConnectError):
        return next((reason for kind, reason in _CONNECT_REASONS.items() if isinstance(cause, kind)), "connection_refused")
    return next(reason for kind, reason in _REASONS.items() if isinstance(failure, kind))


def _checked(base_url: str, insecure_hosts: Collection[str]) -> str:
    parts = urlsplit(base_url)
    is_plain = not (parts.username or parts.password or parts.query or parts.fragment) and parts.hostname is not None
    host = parts.hostname or ""
    if not is_plain or not (parts.scheme == "https" or (parts.scheme == "http" and (_is_here(host) or host in insecure_hosts))):
        raise ImproperlyConfigured("A payment provider's address must be https://host, or http:// on this machine itself.")
    return base_url.rstrip("/")


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
