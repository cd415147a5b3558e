"""What Toss Payments answers, as far as we read it, and what it means to the port.

Source: docs.tosspayments.com/reference, "Payment 객체", "Transaction 객체", "웹훅 이벤트".
"""

from datetime import datetime
from typing import Literal

import msgspec

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, RefundRecord, RefundStatus
from apps.payments.gateways.toss import codes


class TossFailure(msgspec.Struct):
    """Why a payment was not approved; also the body of every refusal."""

    code: str


class TossCancel(msgspec.Struct, rename="camel"):
    """One refund of a payment."""

    cancel_amount: int
    cancel_reason: str | None = None
    cancel_status: str = "DONE"
    transaction_key: str | None = None


class TossPayment(msgspec.Struct, rename="camel"):
    """A payment: `balance_amount` of its `total_amount` is not given back; `approved_at` is None while nothing was charged."""

    payment_key: str
    order_id: str
    currency: str
    total_amount: int
    balance_amount: int
    status: Literal["READY", "IN_PROGRESS", "WAITING_FOR_DEPOSIT", "DONE", "CANCELED", "PARTIAL_CANCELED", "ABORTED", "EXPIRED"]
    approved_at: datetime | None = None
    cancels: list[TossCancel] | None = None
    failure: TossFailure | None = None


class TossTransaction(msgspec.Struct, rename="camel"):
    """One line of the list: an approval (DONE) or a refund of it."""

    transaction_key: str
    payment_key: str
    status: str
    transaction_at: datetime


class _TossEventData(msgspec.Struct, rename="camel"):
    order_id: str


class TossEvent(msgspec.Struct, rename="camel"):
    """The kind of a webhook; what else it says is not trusted."""

    event_type: str


class TossStatusChanged(TossEvent):
    """A webhook that names the order of a payment."""

    data: _TossEventData


def record_of(payment: TossPayment, *, order_id: str) -> ChargeRecord:
    """Return what a payment means: not found while nothing was charged and nothing settled, or if it is for another order.

    A payment that was never approved in time is voided: it can be no more. One whose approval failed is declined.
    """
    if payment.order_id != order_id:
        return ChargeRecord(status=ChargeStatus.NOT_FOUND)
    match payment.status:
        case "DONE" | "CANCELED" | "PARTIAL_CANCELED" if payment.approved_at is not None:
            return ChargeRecord(
                status=ChargeStatus.CHARGED,
                amount=payment.total_amount,
                refunded=payment.total_amount - payment.balance_amount,
                currency=payment.currency,
                reference=payment.payment_key,
            )
        case "ABORTED":
            reason = codes.decline_reason(payment.failure.code) if payment.failure else "aborted"
            return ChargeRecord(status=ChargeStatus.DECLINED, reason=reason, reference=payment.payment_key)
        case "EXPIRED" | "CANCELED":
            return ChargeRecord(status=ChargeStatus.VOIDED)
        case "WAITING_FOR_DEPOSIT":  # a transfer may still come in by itself
            return ChargeRecord(status=ChargeStatus.PROCESSING)
        case _:
            return ChargeRecord(status=ChargeStatus.NOT_FOUND)


def refund_of(cancel: TossCancel, *, amount: int) -> RefundRecord:
    """Return what became of a refund of `amount`."""
    reference = cancel.transaction_key or ""
    if cancel.cancel_amount != amount:
        return RefundRecord(status=RefundStatus.REFUSED, reason="refund_key_reused", reference=reference)
    match cancel.cancel_status:
        case "DONE":
            return RefundRecord(status=RefundStatus.REFUNDED, reference=reference)
        case "IN_PROGRESS":
            return RefundRecord(status=RefundStatus.PROCESSING, reference=reference)
        case _:
            return RefundRecord(status=RefundStatus.REFUSED, reason=f"cancel_{cancel.cancel_status.lower()}", reference=reference)
