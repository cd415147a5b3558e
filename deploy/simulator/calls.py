"""The simulator's API: which call a request is, and its answer from the store."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import msgspec

from apps.payments.gateways.http_messages import (
    ChargeListResponse,
    ChargeRequestBody,
    ChargeResponse,
    RefundRequestBody,
    RefundResponse,
)
from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError
from apps.payments.gateways.sandbox import why_declined
from apps.payments.gateways.sandbox_store import SandboxStore
from deploy.simulator.faults import Call

Shape = TypeVar("Shape")

_STORE_DEADLINE_S = 20.0
_KEY = "(?P<key>[0-9a-f-]{36})"
_ROUTES: tuple[tuple[str, str, Call], ...] = (
    ("PUT", f"/v1/charges/{_KEY}", "charge"),
    ("GET", f"/v1/charges/{_KEY}", "lookup"),
    ("POST", f"/v1/charges/{_KEY}/void", "void"),
    ("PUT", f"/v1/charges/{_KEY}/refunds/(?P<refund_key>[0-9a-f-]{{36}})", "refund"),
    ("GET", "/v1/charges", "list"),
)
_BODIES: Mapping[Call, type[Any]] = MappingProxyType({"charge": ChargeRequestBody, "refund": RefundRequestBody})


class BadRequestError(Exception):
    """The request is unknown or unreadable; `status` says which."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        self.status = status
        super().__init__(why)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """An HTTP response; status 0 stands for a call that was not performed."""

    status: int = 0
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderCall:
    """A request that was understood: the call, the keys in its path, its query and its body."""

    name: Call
    keys: Mapping[str, UUID]
    query: Mapping[str, str]
    body: Any

    @property
    def key(self) -> UUID | None:
        """The key of the charge that it is about, if it is about one."""
        return self.keys.get("key")


def parse(*, verb: str, target: str, body: bytes) -> ProviderCall:
    """Return which call a request is.

    :raises BadRequestError: if it is none
    """
    address = urlsplit(target)
    for route_verb, path, name in _ROUTES:
        found = re.fullmatch(path, address.path)
        if found and route_verb == verb:
            keys = {key: _uuid(text) for key, text in found.groupdict().items()}
            message = decode(body=body, shape=_BODIES[name]) if name in _BODIES else None
            return ProviderCall(name=name, keys=keys, query=dict(parse_qsl(address.query)), body=message)
    raise BadRequestError(HTTPStatus.NOT_FOUND, f"there is no {verb} {address.path}")


def perform(*, store: SandboxStore, call: ProviderCall) -> Reply:
    """Read or write the store, and return the reply.

    :raises BadRequestError: if the query is unreadable
    """
    try:
        if call.name == "list":
            since, until = (_instant(call.query, name) for name in ("since", "until"))
            page = store.list_charges(since=since, until=until, cursor=call.query.get("cursor", ""), deadline_s=_STORE_DEADLINE_S)
            charges = [ChargeResponse.of(key=one.payment_id, record=one.record) for one in page.charges if one.payment_id]
            return json_reply(HTTPStatus.OK, ChargeListResponse(charges=charges, cursor=page.cursor))
        key = call.keys["key"]
        if call.name == "refund":
            refund_key = call.keys["refund_key"]
            refund = store.refund(key=key, refund_key=refund_key, amount=call.body.amount, deadline_s=_STORE_DEADLINE_S)
            return json_reply(HTTPStatus.OK, RefundResponse.of(refund_key=refund_key, record=refund))
        record = (
            _charge(store, key, call.body) if call.name == "charge" else getattr(store, call.name)(key=key, deadline_s=_STORE_DEADLINE_S)
        )
    except NoAnswerError:
        return json_reply(HTTPStatus.INTERNAL_SERVER_ERROR, {"error": "the store could not be read or written"})
    status = HTTPStatus.PAYMENT_REQUIRED if record.status is ChargeStatus.DECLINED else HTTPStatus.OK
    return json_reply(status, ChargeResponse.of(key=key, record=record))


def decode(*, body: bytes, shape: type[Shape]) -> Shape:
    """Return a JSON body in its shape.

    :raises BadRequestError: if it has another
    """
    try:
        return msgspec.json.decode(body, type=shape)
    except msgspec.DecodeError as error:
        raise BadRequestError(HTTPStatus.BAD_REQUEST, str(error)) from error


def json_reply(status: int, message: object) -> Reply:
    """Return a reply in JSON."""
    return Reply(status=status, headers={"Content-Type": "application/json"}, body=msgspec.json.encode(message))


def _charge(store: SandboxStore, key: UUID, body: ChargeRequestBody) -> ChargeRecord:
    declined = why_declined(body.method)
    return store.charge(key=key, amount=body.amount, currency=body.currency, declined=declined, deadline_s=_STORE_DEADLINE_S)


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
