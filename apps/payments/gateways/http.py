"""The adapter to the payment simulator (deploy/simulator): a template for a payment provider with an HTTP API."""

import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TypeVar
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from msgspec import Struct

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways import deadline_http
from apps.payments.gateways.deadline_http import DeadlineHttpClient
from apps.payments.gateways.http_messages import (
    SIGNATURE,
    ChargeListResponse,
    ChargeRequestBody,
    ChargeResponse,
    RefundRequestBody,
    RefundResponse,
    WebhookBody,
    digest,
)
from apps.payments.gateways.port import (
    NO_LIMITS,
    Amounts,
    ChargePage,
    ChargeRecord,
    ChargeStatus,
    ListedCharge,
    NoAnswerError,
    RefundRecord,
    RefusedError,
    WebhookHint,
)
from apps.payments.gateways.sandbox import METHODS

TOLERANCE_S = 300

_DECLINED = 402
_READABLE = {200, _DECLINED}
_UNSETTLED = {408, 409, 425, 429}  # timed out, in progress, too early, too many: ask again

Shape = TypeVar("Shape")


class HttpGateway:
    """The payment simulator at `base_url`; a webhook signed with any of the secrets is genuine, so that they can be rotated."""

    amounts: Amounts = NO_LIMITS

    def __init__(self, *, base_url: str, webhook_secrets: Sequence[str], insecure_hosts: Sequence[str] = ()) -> None:
        self._http = DeadlineHttpClient(base_url=base_url, insecure_hosts=insecure_hosts)
        self._secrets = tuple(webhook_secrets)

    def accepts(self, *, method: str) -> bool:
        return method in METHODS

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        return None

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Charge: PUT is idempotent by the key in its path."""
        message = ChargeRequestBody(order=request.rental_id, amount=request.amount, currency=request.currency, method=request.method)
        record = self._send("PUT", "", request=request, message=message, deadline_s=deadline_s)
        if record.status is ChargeStatus.NOT_FOUND:
            raise NoAnswerError("unreadable")
        return record

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        path = f"/v1/charges/{request.payment_id}/refunds/{refund_key}"
        response = self._call("PUT", path, shape=RefundResponse, message=RefundRequestBody(amount=amount), deadline_s=deadline_s)
        if response.refund_key != refund_key:
            raise NoAnswerError("unreadable")
        return response.record()

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        record = self._send("POST", "/void", request=request, deadline_s=deadline_s)
        if record.status is ChargeStatus.NOT_FOUND:
            raise NoAnswerError("unreadable")
        return record

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        return self._send("GET", "", request=request, deadline_s=deadline_s)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        query = urlencode({"since": since.isoformat(), "until": until.isoformat(), "cursor": cursor})
        response = self._call("GET", f"/v1/charges?{query}", shape=ChargeListResponse, deadline_s=deadline_s)
        return ChargePage(
            charges=tuple(ListedCharge(payment_id=charge.key, record=charge.record()) for charge in response.charges),
            cursor=response.cursor,
        )

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        """Read a webhook that one of the secrets signed within the last 5 minutes."""
        if not self._is_genuine(headers.get(SIGNATURE, ""), body, now):
            raise WebhookRefusedError
        try:
            webhook = msgspec.json.decode(body, type=WebhookBody)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WebhookRefusedError from error
        return WebhookHint(payment_id=webhook.key)

    def close(self) -> None:
        self._http.close()

    def _send(self, verb: str, path: str, *, request: ChargeRequest, message: Struct | None = None, deadline_s: float) -> ChargeRecord:
        response = self._call(verb, f"/v1/charges/{request.payment_id}{path}", shape=ChargeResponse, message=message, deadline_s=deadline_s)
        if response.key != request.payment_id:
            raise NoAnswerError("unreadable")
        return response.record()

    def _call(self, verb: str, path: str, *, shape: type[Shape], message: Struct | None = None, deadline_s: float) -> Shape:
        body = b"" if message is None else msgspec.json.encode(message)
        headers = {"Content-Type": "application/json"}
        response = self._http.send(method=verb, path=path, headers=headers, body=body, deadline_s=deadline_s)
        if response.status in _READABLE:
            return deadline_http.decode(response, shape=shape)
        if 400 <= response.status < 500 and response.status not in _UNSETTLED:  # noqa: PLR2004  # the 4xx
            raise RefusedError(f"http_{response.status}")
        raise deadline_http.no_answer(response)

    def _is_genuine(self, signature: str, body: bytes, now: datetime) -> bool:
        parts = [part.partition("=")[::2] for part in signature.split(",")]
        times = [text for name, text in parts if name == "t"]
        if len(times) != 1 or not times[0].isdecimal() or len(times[0]) > len("9999999999"):
            return False
        at = int(times[0])
        given = [text.encode() for name, text in parts if name == "v1"]
        matches = [hmac.compare_digest(digest(body=body, secret=secret, at=at).encode(), one) for secret in self._secrets for one in given]
        return any(matches) and abs(now.timestamp() - at) <= TOLERANCE_S
