"""The fake provider's calls: which call a request is, and what the book answers to it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import msgspec

from apps.payments.gateways.fake.faults import Call, Fault
from apps.payments.gateways.fake.messages import ChargeListResponse, ChargeRequestBody, ChargeResponse, RefundRequestBody, RefundResponse
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.gateways.sandbox import SLOW_S, why_declined
from apps.payments.gateways.sandbox_store import SandboxStore

Shape = TypeVar("Shape")

_PATIENCE_S = 20.0
_KEY = "(?P<key>[0-9a-f-]{36})"
_ROUTES: tuple[tuple[str, str, Call], ...] = (
    ("PUT", f"/v1/charges/{_KEY}", "charge"),
    ("GET", f"/v1/charges/{_KEY}", "lookup"),
    ("POST", f"/v1/charges/{_KEY}/void", "void"),
    ("PUT", f"/v1/charges/{_KEY}/refunds/(?P<refund_key>[0-9a-f-]{{36}})", "refund"),
    ("GET", "/v1/charges", "list"),
)
# A server cannot refuse a connection for what will be said on it: pm_down is cut off as soon as it is known.
METHOD_FAULTS = MappingProxyType(
    {
        "pm_slow": Fault(do="latency", before_s=SLOW_S),
        "pm_lost": Fault(do="hang_after"),
        "pm_error": Fault(do="error"),
        "pm_down": Fault(do="reset"),
    }
)


class BadRequestError(Exception):
    """The request is none of ours, or not to be read; `status` says which."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        self.status = status
        super().__init__(why)


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A request that was understood: the call, the keys in its path, and all else it says."""

    call: Call
    keys: Mapping[str, UUID]
    query: Mapping[str, str]
    body: Any

    @property
    def key(self) -> UUID | None:
        """The key of the charge that it is about, if it is about one."""
        return self.keys.get("key")

    @property
    def fault(self) -> Fault | None:
        """What its payment method does wrong, if it does."""
        return METHOD_FAULTS.get(self.body.method) if self.call == "charge" else None


def understand(*, verb: str, target: str, body: bytes) -> Asked:
    """Return which call a request is.

    :raises BadRequestError: if it is none
    """
    address = urlsplit(target)
    for route_verb, path, call in _ROUTES:
        found = re.fullmatch(path, address.path)
        if found and route_verb == verb:
            keys = {name: _uuid(text) for name, text in found.groupdict().items()}
            return Asked(
                call=call,
                keys=keys,
                query=dict(parse_qsl(address.query)),
                body=read(body=body, shape=_BODIES[call]) if call in _BODIES else None,
            )
    raise BadRequestError(HTTPStatus.NOT_FOUND, f"there is no {verb} {address.path}")


def perform(*, book: SandboxStore, asked: Asked) -> Answer:
    """Read or write the book, and return what it answers.

    :raises BadRequestError: if the request is not to be read
    """
    try:
        return _PERFORM[asked.call](book, asked)
    except NoAnswerError:
        return told(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the book could not be read or written"})


def read(*, body: bytes, shape: type[Shape]) -> Shape:
    """Return what a body says.

    :raises BadRequestError: if it does not say that
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error


def told(status: int, message: object) -> Answer:
    """Return an answer in JSON."""
    return Answer(status=status, headers={"Content-Type": "application/json"}, body=msgspec.json.encode(message))


def _charge(book: SandboxStore, asked: Asked) -> Answer:
    wish: ChargeRequestBody = asked.body
    key = asked.keys["key"]
    declined = why_declined(wish.method)
    return _entry(key, book.charge(key=key, amount=wish.amount, currency=wish.currency, declined=declined, deadline_s=_PATIENCE_S))


def _lookup(book: SandboxStore, asked: Asked) -> Answer:
    key = asked.keys["key"]
    return _entry(key, book.lookup(key=key, deadline_s=_PATIENCE_S))


def _void(book: SandboxStore, asked: Asked) -> Answer:
    key = asked.keys["key"]
    return _entry(key, book.void(key=key, deadline_s=_PATIENCE_S))


def _refund(book: SandboxStore, asked: Asked) -> Answer:
    wish: RefundRequestBody = asked.body
    refund_key = asked.keys["refund_key"]
    record = book.refund(key=asked.keys["key"], refund_key=refund_key, amount=wish.amount, deadline_s=_PATIENCE_S)
    return told(HTTPStatus.OK, RefundResponse.of(refund_key=refund_key, record=record))


def _list(book: SandboxStore, asked: Asked) -> Answer:
    since, until = (_instant(asked.query, name) for name in ("since", "until"))
    page = book.list_charges(since=since, until=until, cursor=asked.query.get("cursor", ""), deadline_s=_PATIENCE_S)
    charges = [ChargeResponse.of(key=listed.payment_id, record=listed.record) for listed in page.charges if listed.payment_id is not None]
    return told(HTTPStatus.OK, ChargeListResponse(charges=charges, cursor=page.cursor))


_PERFORM: Mapping[Call, Callable[[SandboxStore, Asked], Answer]] = MappingProxyType(
    {
        "charge": _charge,
        "lookup": _lookup,
        "void": _void,
        "refund": _refund,
        "list": _list,
    }
)
_BODIES: Mapping[Call, type[Any]] = MappingProxyType({"charge": ChargeRequestBody, "refund": RefundRequestBody})


def _entry(key: UUID, record: ChargeRecord) -> Answer:
    status = HTTPStatus.PAYMENT_REQUIRED if record.status is ChargeStatus.DECLINED else HTTPStatus.OK
    return told(status, ChargeResponse.of(key=key, record=record))


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"{text} is no UUID") from error


def _instant(query: Mapping[str, str], name: str) -> datetime:
    try:
        at = datetime.fromisoformat(query.get(name, ""))
    except ValueError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"{name} is no time, as 2026-05-01T12:00:00Z") from error
    if at.utcoffset() is None:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, f"{name} names no time zone")
    return at
