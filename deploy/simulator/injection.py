"""Injecting a fault into an answer, down to the socket."""

import socket
import struct
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any

import msgspec

from deploy.simulator.calls import Reply, json_reply
from deploy.simulator.faults import Fault

_HUGE_BYTES = 8 * 1024 * 1024
_DRIP_S = 1.0
_HTML = b"<!doctype html><html><body><h1>It works!</h1></body></html>"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def send(handler: BaseHTTPRequestHandler, reply: Reply) -> None:
    """Send a reply in one piece."""
    handler.wfile.write(_head(reply) + reply.body)


def inject(handler: BaseHTTPRequestHandler, fault: Fault, reply: Reply) -> None:
    """Do what the fault says instead of sending `reply`."""
    _INJECTIONS[fault.do](handler, fault, reply)


def _error(handler: BaseHTTPRequestHandler, fault: Fault, _reply: Reply) -> None:
    error = json_reply(fault.status, {"error": "an injected fault"})
    retry = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    send(handler, Reply(status=error.status, body=error.body, headers={**error.headers, **retry}))


def _redirect(handler: BaseHTTPRequestHandler, _fault: Fault, _reply: Reply) -> None:
    send(handler, Reply(status=HTTPStatus.FOUND, headers={"Location": "/v1/stats"}))


def _reset(handler: BaseHTTPRequestHandler, _fault: Fault, _reply: Reply) -> None:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    handler.rfile.close()  # it holds the socket open
    handler.connection.close()


def _hang(handler: BaseHTTPRequestHandler, _fault: Fault, _reply: Reply) -> None:
    handler.close_connection = True
    while handler.rfile.read(1):  # until the customer gives up
        pass


def _garbage(handler: BaseHTTPRequestHandler, fault: Fault, reply: Reply) -> None:
    half = reply.body[: len(reply.body) // 2]
    if fault.body == "cut":
        handler.close_connection = True
        handler.wfile.write(_head(reply) + half)
        return
    body = {"html": _HTML, "empty": b"", "truncated": half, "huge": reply.body + b" " * _HUGE_BYTES}[fault.body]
    headers = {"Content-Type": "text/html"} if fault.body == "html" else reply.headers
    send(handler, Reply(status=HTTPStatus.OK, body=body, headers=headers))


def _wrong_amount(handler: BaseHTTPRequestHandler, _fault: Fault, reply: Reply) -> None:
    _send_changed(handler, reply, lambda record: {"amount": record["amount"] + 1})


def _wrong_currency(handler: BaseHTTPRequestHandler, _fault: Fault, reply: Reply) -> None:
    _send_changed(handler, reply, lambda record: {"currency": "EUR" if record["currency"] == "USD" else "USD"})


def _send_changed(handler: BaseHTTPRequestHandler, reply: Reply, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    message = msgspec.json.decode(reply.body)
    for record in message.get("charges", [message]):
        if "amount" in record:
            record.update(change(record))
    send(handler, Reply(status=reply.status, body=msgspec.json.encode(message), headers=reply.headers))


def _slow_drip(handler: BaseHTTPRequestHandler, _fault: Fault, reply: Reply) -> None:
    handler.wfile.write(_head(reply))
    for byte in reply.body:
        handler.wfile.write(bytes([byte]))
        time.sleep(_DRIP_S)


_INJECTIONS: Mapping[str, Callable[[BaseHTTPRequestHandler, Fault, Reply], None]] = MappingProxyType(
    {
        "error": _error,
        "error_after": _error,
        "redirect": _redirect,
        "reset": _reset,
        "answer_lost": _reset,
        "hang": _hang,
        "hang_after": _hang,
        "garbage": _garbage,
        "wrong_amount": _wrong_amount,
        "wrong_currency": _wrong_currency,
        "slow_drip": _slow_drip,
    }
)


def _head(reply: Reply) -> bytes:
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", f"Content-Length: {len(reply.body)}"]
    return "\r\n".join([*lines, *(f"{name}: {value}" for name, value in reply.headers.items()), "", ""]).encode()
