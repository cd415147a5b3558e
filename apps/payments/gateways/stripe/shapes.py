"""What Stripe answers, as far as we read it, and what it means to the port.

Source: docs.stripe.com/api, "The PaymentIntent object", "The Refund object", "The Event object".
"""

from typing import Generic, Literal, TypeVar
from uuid import UUID

import msgspec

from apps.payments.gateways.port import Entry, NoAnswerError, RefundEntry, RefundStanding, Standing

KEY = "gdmarket_payment"
RENTAL = "gdmarket_rental"
REFUND = "gdmarket_refund"

Item = TypeVar("Item")


class Failure(msgspec.Struct):
    """Why a charge was declined."""

    code: str | None = None
    decline_code: str | None = None


class Refusal(msgspec.Struct):
    """The body of an error."""

    error: Failure


class Charge(msgspec.Struct):
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
    last_payment_error: Failure | None = None
    latest_charge: Charge | str | None = None


class Found(msgspec.Struct):
    """A PaymentIntent of which only the name is believed: search answers late."""

    id: str


class Listed(msgspec.Struct, Generic[Item]):
    """A page of a list, or of what a search found."""

    data: list[Item]
    has_more: bool


class Refund(msgspec.Struct):
    """A refund."""

    id: str
    amount: int
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"] | None
    metadata: dict[str, str] = {}
    failure_reason: str | None = None


class _Object(msgspec.Struct):
    id: str
    object: str
    payment_intent: str | None = None
    metadata: dict[str, str] = {}


class _Data(msgspec.Struct):
    object: _Object


class Event(msgspec.Struct):
    """The kind of a webhook."""

    id: str
    type: str


class ChargeEvent(Event):
    """A webhook about a PaymentIntent, a charge or a refund."""

    data: _Data


def key_of(metadata: dict[str, str]) -> UUID | None:
    """Return our own key, if the metadata hold one."""
    try:
        return UUID(metadata.get(KEY, ""))
    except ValueError:
        return None


def reason_of(failure: Failure) -> str:
    """Return why a charge was declined: the issuer's reason, or else Stripe's."""
    return failure.decline_code or failure.code or "declined"


def entry_of(intent: PaymentIntent) -> Entry:
    """Return what a PaymentIntent means: not found while nothing was attempted, or the renter would have to act first.

    One attempted in vain is declined; a canceled one can never be charged.
    """
    match intent.status:
        case "succeeded":
            if not isinstance(intent.latest_charge, Charge):
                raise NoAnswerError("unreadable")
            return Entry(
                standing=Standing.CHARGED,
                amount=intent.amount_received,
                refunded=intent.latest_charge.amount_refunded,
                currency=intent.currency.upper(),
                reference=intent.id,
            )
        case "canceled":
            return Entry(standing=Standing.VOIDED)
        case "processing":
            return Entry(standing=Standing.PROCESSING)
        case "requires_payment_method" if intent.last_payment_error is not None or intent.latest_charge is not None:
            reason = reason_of(intent.last_payment_error or Failure())
            return Entry(standing=Standing.DECLINED, reason=reason, reference=intent.id)
        case _:
            return Entry(standing=Standing.NOT_FOUND)


def refund_of(refund: Refund, *, amount: int) -> RefundEntry:
    """Return what became of a refund of `amount`."""
    if refund.amount != amount:
        return RefundEntry(standing=RefundStanding.REFUSED, reason="refund_key_reused", reference=refund.id)
    match refund.status:
        case "succeeded":
            return RefundEntry(standing=RefundStanding.REFUNDED, reference=refund.id)
        case "failed" | "canceled":
            return RefundEntry(standing=RefundStanding.REFUSED, reason=refund.failure_reason or refund.status, reference=refund.id)
        case _:
            return RefundEntry(standing=RefundStanding.PROCESSING, reference=refund.id)
