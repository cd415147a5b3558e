"""What neighbours may ask of payments. Ids and plain values in, frozen answers out.

Charging is the one synchronous edge between contexts in the story of a rental; snapshots serve a copy that is compared or made anew.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from apps.payments import queries, services
from apps.payments.domain import PaymentState


class Outcome(StrEnum):
    """What came of an attempt to charge; unknown is never guessed: events tell later what it was."""

    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


_OUTCOMES = {
    PaymentState.PENDING: Outcome.UNKNOWN,  # another caller is asking the provider, or died doing so
    PaymentState.UNKNOWN: Outcome.UNKNOWN,
    PaymentState.APPROVED: Outcome.APPROVED,
    PaymentState.DECLINED: Outcome.DECLINED,
    PaymentState.NOT_SENT: Outcome.NOT_SENT,
    PaymentState.REFUNDED: Outcome.DECLINED,  # the money is back with the payer: nothing may be had for it
}


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeResult:
    """What came of an attempt; `retry_after_s` says when a new one makes sense, if the provider could not be asked."""

    payment_id: UUID
    outcome: Outcome
    reason: str
    retry_after_s: float | None
    version: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentSnapshot:
    """What payments' facts say of a payment, as it stands; `amount` and `refunded` in minor units of `currency`."""

    payment_id: UUID
    rental_id: UUID
    payer_id: UUID
    amount: int
    refunded: int
    currency: str
    state: str
    reason: str
    version: int
    occurred_at: datetime


def charge(
    *, payment_id: UUID, rental_id: UUID, payer_id: UUID, payee_id: UUID, amount: int, currency: str, method: str, now: datetime
) -> ChargeResult:
    """Collect `amount` minor units of `currency` from the renter for the item's manager, once for ever under `payment_id`.

    Blocks up to the time-out.

    The same id again answers how that attempt stands and never charges again. Call it outside any transaction.
    :raises PaymentReusedError: if `payment_id` names another rental, payer, payee or sum
    :raises PaymentInProgressError: if another attempt for the rental is open or holds its money
    :raises InsideTransactionError: if called inside a database transaction
    """
    payment, retry_after_s = services.charge_payment(
        payment_id=payment_id,
        rental_id=rental_id,
        payer_id=payer_id,
        payee_id=payee_id,
        amount=amount,
        currency=currency,
        method=method,
        now=now,
    )
    return ChargeResult(
        payment_id=payment.id,
        outcome=_OUTCOMES[PaymentState(payment.state)],
        reason=payment.reason,
        retry_after_s=retry_after_s,
        version=payment.version,
    )


def closed_for_s() -> float:
    """Return 0.0 while the provider is being asked, else for how many seconds it will not be."""
    return services.closed_for_s()


def accepts(*, method: str) -> bool:
    """Say whether the gateway knows the payment method; whether it approves is another matter."""
    return services.accepts_method(method=method)


def list_snapshots(*, rental_ids: Collection[UUID]) -> list[PaymentSnapshot]:
    """Return the attempts to pay these rentals whose outcome is known, in the order of their ids; `occurred_at` is when it was."""
    payments = queries.list_settled(rental_ids=rental_ids).order_by("id")
    return [
        PaymentSnapshot(**queries.public(payment=payment), occurred_at=payment.settled_at or payment.created_at) for payment in payments
    ]
