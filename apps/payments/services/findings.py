"""The findings of a reconciliation, and their texts."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from apps.payments.gateways.port import ChargeRecord, ChargeStatus, ListedCharge
from apps.payments.models import Payment


class FindingVerdict(StrEnum):
    """The result of comparing one payment."""

    AGREES = "agrees"
    IN_FLIGHT = "in_flight"
    REPAIRED = "repaired"
    WOULD_REPAIR = "would_repair"
    NOT_REACHED = "not_reached"
    NEEDS_PERSON = "needs_person"


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentFinding:
    """One payment compared; `ours` and `provider` describe how it stands on each side.

    `held` is what the provider holds of it by its own list, `booked` what it holds by our ledger, in minor units of `currency`.
    `payment_id` is None for a charge of the provider's that matches no payment.
    """

    payment_id: UUID | None = None
    rental_id: UUID | None = None
    verdict: FindingVerdict
    ours: str = "no payment"
    provider: str
    currency: str = ""
    held: int = 0
    booked: int = 0


def finding_of(
    payment: Payment, verdict: FindingVerdict, *, provider: str = "", record: ChargeRecord | None = None, booked: int = 0
) -> PaymentFinding:
    """Return the finding for a payment; `provider` defaults to a description of `record`."""
    due = payment.refund_due - payment.refunded
    given_back = f", refunded {payment.refunded}" if 0 < payment.refunded < payment.amount else ""
    return PaymentFinding(
        payment_id=payment.id,
        rental_id=payment.rental_id,
        verdict=verdict,
        ours=f"{payment.state} {payment.amount} {payment.currency}{given_back}" + (f", refund due {due}" if due else ""),
        provider=provider or (_describe(record) if record else ""),
        currency=payment.currency,
        held=record.amount - record.refunded if record and record.status is ChargeStatus.CHARGED else 0,
        booked=booked,
    )


def unmatched_charge(listed: ListedCharge) -> PaymentFinding:
    """Return the finding for a charge that matches no payment: a person must look."""
    record = listed.record
    name = listed.payment_id or record.reference
    return PaymentFinding(
        verdict=FindingVerdict.NEEDS_PERSON,
        provider=f"{_describe(record)} as {name}",
        currency=record.currency,
        held=record.amount - record.refunded,
    )


def _describe(record: ChargeRecord) -> str:
    refunded = f", refunded {record.refunded}" if record.refunded else ""
    return f"{record.status} {record.amount} {record.currency}{refunded}" if record.amount else record.status.value
