"""The adapter to Toss Payments: the renter authenticates in Toss's own window, and we confirm, read and cancel that payment."""

import re
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec

from apps.payments.contracts import ChargeRequest
from apps.payments.errors import WebhookRefusedError
from apps.payments.gateways.deadline_http import DeadlineHttpClient, HttpResponse, decode, no_answer
from apps.payments.gateways.port import (
    Amounts,
    ChargePage,
    ChargeRecord,
    ChargeStatus,
    ListedCharge,
    NoAnswerError,
    NotSentError,
    RefundRecord,
    RefundStatus,
    RefusedError,
    WebhookHint,
)
from apps.payments.gateways.toss import codes
from apps.payments.gateways.toss.schemas import (
    TossEvent,
    TossFailure,
    TossPayment,
    TossStatusChanged,
    TossTransaction,
    record_of,
    refund_of,
)
from gdmarket import clock, ids

PAGE = 20  # each of its charges is read one by one, within one deadline
EXPIRES_AFTER = timedelta(minutes=31)  # Toss: a payment not confirmed within 30 minutes is EXPIRED, and confirmed it can be for 10 only
_SEOUL = timezone(timedelta(hours=9))  # Toss's times are local, and Korea has no summer time
_AMOUNTS: Amounts = {"KRW": (100, None)}
_METHOD = re.compile(r"(?P<order_id>[A-Za-z0-9_=-]{6,64}):(?P<payment_key>[A-Za-z0-9_=-]{1,200})\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # an orderId of ours begins with the rental's id
_ORDER_DIFFERS = ChargeRecord(status=ChargeStatus.DECLINED, reason="order_differs")
_UNKNOWN_METHOD = ChargeRecord(status=ChargeStatus.DECLINED, reason="unknown_method")
_CURRENCY = ChargeRecord(status=ChargeStatus.DECLINED, reason="currency_not_supported")
_OK = 200
_NOT_FOUND = 404


@dataclass(frozen=True, kw_only=True, slots=True)
class _TossCall:
    """What Toss passed to the renter's app at its successUrl, and when the call about it must end."""

    order_id: str
    payment_key: str
    ends_at: float

    @property
    def path(self) -> str:
        return f"/v1/payments/{self.payment_key}"

    def left_s(self) -> float:
        return self.ends_at - time.monotonic()


class TossGateway:
    """Toss Payments; a method is `{orderId}:{paymentKey}`, with an orderId that begins with the rental's id, and won alone are taken.

    Toss has no way to void: an unconfirmed payment expires by itself, and until then `void` returns processing.
    """

    amounts: Amounts = _AMOUNTS

    def __init__(self, *, base_url: str, secret_key: str, now: Callable[[], datetime] = clock.now) -> None:
        credentials = b64encode(f"{secret_key}:".encode()).decode()
        self._http = DeadlineHttpClient(
            base_url=base_url, headers={"Authorization": f"Basic {credentials}", "Content-Type": "application/json"}
        )
        self._now = now

    def accepts(self, *, method: str) -> bool:
        return _METHOD.match(method) is not None

    def preflight_decline(self, *, request: ChargeRequest) -> ChargeRecord | None:
        """Decline what is not a payment of Toss, a payment made for another rental, and other currencies than won."""
        return _why_never(request, _call_of(request, 0.0)) if self.accepts(method=request.method) else _UNKNOWN_METHOD

    def charge(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Confirm the payment; Toss replays its answer to the key for 15 days, and confirms no payment twice at any time."""
        call = _call_of(request, deadline_s)
        refusal = _why_never(request, call)
        if refusal is not None:
            return refusal
        response = self._post(
            "/v1/payments/confirm",
            {"paymentKey": call.payment_key, "orderId": call.order_id, "amount": request.amount},
            key=request.payment_id,
            deadline_s=call.left_s(),
        )
        if response.status == _OK:
            return record_of(_payment(response, call), order_id=call.order_id)
        code = _code(response)
        if code == "ALREADY_PROCESSED_PAYMENT":
            return self._read_after_sending(call)
        if code in codes.DECLINED:
            return ChargeRecord(status=ChargeStatus.DECLINED, reason=codes.decline_reason(code))
        raise _failure(response, code)

    def refund(self, *, request: ChargeRequest, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        """Cancel `amount` of the payment; the key stands in the cancel's reason too, as Toss forgets keys after 15 days."""
        call = _call_of(request, deadline_s)
        payment = None if _why_never(request, call) else self._read(call)
        record = record_of(payment, order_id=call.order_id) if payment else ChargeRecord(status=ChargeStatus.NOT_FOUND)
        if payment is None or record.status is not ChargeStatus.CHARGED:
            return RefundRecord(status=RefundStatus.REFUSED, reason="not_charged")
        seen = _cancel_of(payment, refund_key, amount)
        if seen is not None:
            return seen
        if amount > payment.balance_amount:
            return RefundRecord(status=RefundStatus.REFUSED, reason="more_than_charged")
        body = {"cancelReason": _reason(refund_key), "cancelAmount": amount}
        response = self._post(f"{call.path}/cancel", body, key=refund_key, deadline_s=call.left_s())
        if response.status == _OK:
            made = _cancel_of(_payment(response, call), refund_key, amount)
            if made is None:
                raise NoAnswerError("unreadable")
            return made
        code = _code(response)
        if code in codes.REFUND_REFUSED:
            return RefundRecord(status=RefundStatus.REFUSED, reason=code.lower())
        raise _failure(response, code)

    def void(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        """Return how the payment stands, processing while a confirmation on its way could still succeed."""
        record = self.lookup(request=request, deadline_s=deadline_s)
        if record.status is not ChargeStatus.NOT_FOUND:
            return record
        return ChargeRecord(status=ChargeStatus.VOIDED if self._has_expired(request.payment_id) else ChargeStatus.PROCESSING)

    def lookup(self, *, request: ChargeRequest, deadline_s: float) -> ChargeRecord:
        call = _call_of(request, deadline_s)
        refusal = _why_never(request, call)
        if refusal is not None:
            return refusal
        payment = self._read(call)
        return record_of(payment, order_id=call.order_id) if payment else ChargeRecord(status=ChargeStatus.NOT_FOUND)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str = "", deadline_s: float) -> ChargePage:
        """Read a page of the list of transactions, and each payment that was approved in it for what was given back since."""
        ends_at = time.monotonic() + deadline_s
        body = {"startDate": _local(since), "endDate": _local(until), "limit": str(PAGE)} | ({"startingAfter": cursor} if cursor else {})
        response = self._http.send(method="GET", path=f"/v1/transactions?{urlencode(body)}", deadline_s=deadline_s)
        if response.status != _OK:
            raise _failure(response, _code(response))
        transactions = decode(response, shape=list[TossTransaction])
        approved = [line.payment_key for line in transactions if line.status == "DONE" and since <= line.transaction_at < until]
        charges = tuple(self._listed(payment_key, ends_at) for payment_key in dict.fromkeys(approved))
        return ChargePage(charges=charges, cursor=transactions[-1].transaction_key if len(transactions) == PAGE else "")

    def read_webhook(self, *, headers: Mapping[str, str], body: bytes, now: datetime) -> WebhookHint | None:
        """Return for which rental a payment changed. Toss signs nothing: this is only a hint to read it."""
        try:
            if msgspec.json.decode(body, type=TossEvent).event_type != "PAYMENT_STATUS_CHANGED":
                return None
            order_id = msgspec.json.decode(body, type=TossStatusChanged).data.order_id
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise WebhookRefusedError from error
        rental = _rental_of(order_id)
        return WebhookHint(rental_id=rental) if rental else None

    def close(self) -> None:
        self._http.close()

    def _post(self, path: str, body: dict[str, Any], *, key: UUID, deadline_s: float) -> HttpResponse:
        headers = {"Idempotency-Key": str(key)}
        return self._http.send(method="POST", path=path, headers=headers, body=msgspec.json.encode(body), deadline_s=deadline_s)

    def _read(self, call: _TossCall) -> TossPayment | None:
        response = self._http.send(method="GET", path=call.path, deadline_s=call.left_s())
        if response.status == _OK:
            return _payment(response, call)
        code = _code(response)
        if response.status == _NOT_FOUND and code == "NOT_FOUND_PAYMENT":
            return None
        raise _failure(response, code)

    def _read_after_sending(self, call: _TossCall) -> ChargeRecord:
        try:
            payment = self._read(call)
        except (NotSentError, RefusedError) as failure:  # certain of the read alone: the call before it may have charged
            raise NoAnswerError("not_read_again") from failure
        if payment is None:
            raise NoAnswerError("not_found_again")
        if payment.order_id != call.order_id:
            return _ORDER_DIFFERS
        return record_of(payment, order_id=call.order_id)

    def _listed(self, payment_key: str, ends_at: float) -> ListedCharge:
        payment = self._read(_TossCall(order_id="", payment_key=payment_key, ends_at=ends_at))
        if payment is None:
            raise NoAnswerError("not_found_again")
        return ListedCharge(payment_id=None, rental_id=_rental_of(payment.order_id), record=record_of(payment, order_id=payment.order_id))

    def _has_expired(self, key: UUID) -> bool:
        """Say whether the payment expired: Toss's window was open before our key was made."""
        return key.version == ids.VERSION and ids.made_at(key) + EXPIRES_AFTER < self._now()


def _call_of(request: ChargeRequest, deadline_s: float) -> _TossCall:
    method = _METHOD.match(request.method)
    if method is None:
        raise RefusedError("unknown_method")
    return _TossCall(order_id=method["order_id"], payment_key=method["payment_key"], ends_at=time.monotonic() + deadline_s)


def _rental_of(order_id: str) -> UUID | None:
    rental = _UUID.match(order_id)
    return UUID(rental[0]) if rental else None


def _payment(response: HttpResponse, call: _TossCall) -> TossPayment:
    payment = decode(response, shape=TossPayment)
    if payment.payment_key != call.payment_key:
        raise NoAnswerError("another_payment")
    return payment


def _why_never(request: ChargeRequest, call: _TossCall) -> ChargeRecord | None:
    """Return the decline of what is never sent: a payment made for one rental neither pays nor is refunded for another."""
    if call.order_id != str(request.rental_id) and not call.order_id.startswith(f"{request.rental_id}-"):
        return _ORDER_DIFFERS
    return _CURRENCY if request.currency != "KRW" else None


def _cancel_of(payment: TossPayment, refund_key: UUID, amount: int) -> RefundRecord | None:
    cancels = [cancel for cancel in payment.cancels or [] if cancel.cancel_reason == _reason(refund_key)]
    return refund_of(cancels[-1], amount=amount) if cancels else None


def _reason(refund_key: UUID) -> str:
    return f"gdmarket {refund_key}"


def _local(at: datetime) -> str:
    return at.astimezone(_SEOUL).replace(tzinfo=None).isoformat(timespec="milliseconds")


def _code(response: HttpResponse) -> str:
    """Return the code of a refusal, "" if the server itself failed or names none."""
    if not 400 <= response.status < 500:  # noqa: PLR2004  # what the client did wrong
        return ""
    try:
        return decode(response, shape=TossFailure).code
    except NoAnswerError:
        return ""


def _failure(response: HttpResponse, code: str) -> RefusedError | NoAnswerError:
    return RefusedError(code.lower()) if code in codes.NOT_US else no_answer(response)
