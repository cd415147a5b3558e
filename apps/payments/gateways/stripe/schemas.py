"""What Stripe answers, as far as we read it, and what it means to the port.

Source: docs.stripe.com/api, "The PaymentIntent object", "The Refund object", "The Event object".
"""

from typing import Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, NoAnswerError, RefundRecord, RefundStatus

KEY = "gdmarket_payment"
RENTAL = "gdmarket_rental"
REFUND = "gdmarket_refund"

Item = TypeVar("Item")


class StripeFailure(msgspec.Struct):
    """Why a charge was declined."""

    code: str | None = None
    decline_code: str | None = None


class StripeErrorBody(msgspec.Struct):
    """The body of an error."""

    error: StripeFailure


class StripeCharge(msgspec.Struct):
    """What a PaymentIntent came to, and what was given back of it."""

    id: str
    amount_refunded: int


class PaymentIntent(msgspec.Struct):
    """A PaymentIntent, with its latest charge in full."""

    id: str
    currency: str
    status: Literal[
        "requires_payment_method", "requires_confirmation", "requires_action", "processing", "requires_capture", "canceled", "succeeded"
    ]
    amount_received: int
    metadata: dict[str, str]
    last_payment_error: StripeFailure | None = None
    latest_charge: StripeCharge | str | None = None


class StripeSearchHit(msgspec.Struct):
    """A PaymentIntent of which only the name is believed: search answers late."""

    id: str


class StripeList(msgspec.Struct, Generic[Item]):
    """A page of a list, or of what a search found."""

    data: list[Item]
    has_more: bool


class StripeRefund(msgspec.Struct):
    """A refund."""

    id: str
    amount: int
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"] | None
    metadata: dict[str, str] = {}
    failure_reason: str | None = None


class _StripeEventObject(msgspec.Struct):
    id: str
    object: str
    payment_intent: str | None = None
    metadata: dict[str, str] = {}


class _StripeEventData(msgspec.Struct):
    object: _StripeEventObject


class StripeEvent(msgspec.Struct):
    """The kind of a webhook."""

    id: str
    type: str


class StripeChargeEvent(StripeEvent):
    """A webhook about a PaymentIntent, a charge or a refund."""

    data: _StripeEventData


def key_of(metadata: dict[str, str]) -> UUID | None:
    """Return our own key, if the metadata hold one."""
    try:
        return UUID(metadata.get(KEY, ""))
    except ValueError:
        return None


def reason_of(failure: StripeFailure) -> str:
    """Return why a charge was declined: the issuer's reason, or else Stripe's."""
    return failure.decline_code or failure.code or "declined"


def record_of(intent: PaymentIntent) -> ChargeRecord:
    """Return what a PaymentIntent means: not found while nothing was attempted, or the renter would have to act first.

    One attempted in vain is declined; a canceled one can never be charged.
    """
    match intent.status:
        case "succeeded":
            if not isinstance(intent.latest_charge, StripeCharge):
                raise NoAnswerError("unreadable")
            return ChargeRecord(
                status=ChargeStatus.CHARGED,
                amount=intent.amount_received,
                refunded=intent.latest_charge.amount_refunded,
                currency=intent.currency.upper(),
                reference=intent.id,
            )
        case "canceled":
            return ChargeRecord(status=ChargeStatus.VOIDED)
        case "processing":
            return ChargeRecord(status=ChargeStatus.PROCESSING)
        case "requires_payment_method" if intent.last_payment_error is not None or intent.latest_charge is not None:
            reason = reason_of(intent.last_payment_error or StripeFailure())
            return ChargeRecord(status=ChargeStatus.DECLINED, reason=reason, reference=intent.id)
        case _:
            return ChargeRecord(status=ChargeStatus.NOT_FOUND)


def refund_of(refund: StripeRefund, *, amount: int) -> RefundRecord:
    """Return what became of a refund of `amount`."""
    if refund.amount != amount:
        return RefundRecord(status=RefundStatus.REFUSED, reason="refund_key_reused", reference=refund.id)
    match refund.status:
        case "succeeded":
            return RefundRecord(status=RefundStatus.REFUNDED, reference=refund.id)
        case "failed" | "canceled":
            return RefundRecord(status=RefundStatus.REFUSED, reason=refund.failure_reason or refund.status, reference=refund.id)
        case _:
            return RefundRecord(status=RefundStatus.PROCESSING, reference=refund.id)
