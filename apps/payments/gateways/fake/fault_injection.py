"""The ways in which the fake provider spoils an answer, down to the socket."""

import socket
import struct
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any, TypeAlias

import msgspec

from apps.payments.gateways.fake.calls import Answer, told
from apps.payments.gateways.fake.faults import Fault

Line: TypeAlias = BaseHTTPRequestHandler  # what a request came over

_HUGE_BYTES = 8 * 1024 * 1024
_DRIP_S = 1.0
_PAGE = b"<!doctype html><html><body><h1>It works!</h1></body></html>"
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def send(*, line: Line, answer: Answer) -> None:
    """Answer, in one piece."""
    line.wfile.write(_head(answer, len(answer.body)) + answer.body)


def play(*, line: Line, fault: Fault, answer: Answer) -> None:
    """Do what the fault says, instead of sending `answer`."""
    _TRICKS[fault.do](line, fault, answer)


def _error(line: Line, fault: Fault, _answer: Answer) -> None:
    refusal = told(fault.status, {"error": "as the faults say"})
    wish = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    send(line=line, answer=Answer(status=refusal.status, body=refusal.body, headers={**refusal.headers, **wish}))


def _redirect(line: Line, _fault: Fault, _answer: Answer) -> None:
    send(line=line, answer=Answer(status=HTTPStatus.FOUND, body=b"", headers={"Location": "/v1/stats"}))


def _reset(line: Line, _fault: Fault, _answer: Answer) -> None:
    line.close_connection = True
    line.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    line.rfile.close()  # it holds the socket open
    line.connection.close()


def _hang(line: Line, _fault: Fault, _answer: Answer) -> None:
    line.close_connection = True
    while line.rfile.read(1):  # until the customer gives up
        pass


def _garbage(line: Line, fault: Fault, answer: Answer) -> None:
    send_whole = {
        "html": Answer(status=HTTPStatus.OK, body=_PAGE, headers={"Content-Type": "text/html"}),
        "empty": Answer(status=HTTPStatus.OK, body=b"", headers=answer.headers),
        "truncated": Answer(status=HTTPStatus.OK, body=answer.body[: len(answer.body) // 2], headers=answer.headers),
        "huge": Answer(status=HTTPStatus.OK, body=answer.body + b" " * _HUGE_BYTES, headers=answer.headers),
    }
    if fault.body in send_whole:
        send(line=line, answer=send_whole[fault.body])
        return
    line.close_connection = True
    line.wfile.write(_head(answer, len(answer.body)) + answer.body[: len(answer.body) // 2])


def _wrong_amount(line: Line, _fault: Fault, answer: Answer) -> None:
    _send_changed(line, answer, lambda record: {"amount": record["amount"] + 1})


def _wrong_currency(line: Line, _fault: Fault, answer: Answer) -> None:
    _send_changed(line, answer, lambda record: {"currency": "EUR" if record["currency"] == "USD" else "USD"})


def _send_changed(line: Line, answer: Answer, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    said = msgspec.json.decode(answer.body)
    for record in said.get("charges", [said]):
        if "amount" in record:
            record.update(change(record))
    send(line=line, answer=Answer(status=answer.status, body=msgspec.json.encode(said), headers=answer.headers))


def _slow_drip(line: Line, _fault: Fault, answer: Answer) -> None:
    line.wfile.write(_head(answer, len(answer.body)))
    for byte in answer.body:
        line.wfile.write(bytes([byte]))
        time.sleep(_DRIP_S)


_TRICKS: Mapping[str, Callable[[Line, Fault, Answer], None]] = MappingProxyType(
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


def _head(answer: Answer, length: int) -> bytes:
    lines = [f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}", f"Content-Length: {length}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()
