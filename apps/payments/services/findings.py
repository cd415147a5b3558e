"""What reconciling finds, and how it is put in words."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from apps.payments.gateways.port import Entry, Listed, Standing
from apps.payments.models import Payment


class Verdict(StrEnum):
    """What comparing one payment came to."""

    AGREES = "agrees"
    IN_FLIGHT = "in_flight"
    REPAIRED = "repaired"
    WOULD_REPAIR = "would_repair"
    NOT_REACHED = "not_reached"
    NEEDS_PERSON = "needs_person"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One payment compared; `ours` and `provider` say in words how it stands on each side.

    `held` is what the provider holds of it by its own book, `booked` what it holds by our ledger, in minor units of `currency`. No
    payment of ours is named where the provider charged what we know nothing of.
    """

    payment_id: UUID | None = None
    rental_id: UUID | None = None
    verdict: Verdict
    ours: str = "no payment"
    provider: str
    currency: str = ""
    held: int = 0
    booked: int = 0


def found(payment: Payment, verdict: Verdict, *, provider: str = "", entry: Entry | None = None, booked: int = 0) -> Finding:
    """Return what a payment was found to be; what the provider says is its entry, unless it is told otherwise."""
    due = payment.refund_due - payment.refunded
    given_back = f", refunded {payment.refunded}" if 0 < payment.refunded < payment.amount else ""
    return Finding(
        payment_id=payment.id,
        rental_id=payment.rental_id,
        verdict=verdict,
        ours=f"{payment.state} {payment.amount} {payment.currency}{given_back}" + (f", refund due {due}" if due else ""),
        provider=provider or (_in_words(entry) if entry else ""),
        currency=payment.currency,
        held=entry.amount - entry.refunded if entry and entry.standing is Standing.CHARGED else 0,
        booked=booked,
    )


def stranger(listed: Listed) -> Finding:
    """Return a charge that is no payment of ours: a person must look."""
    entry = listed.entry
    name = listed.key or entry.reference
    return Finding(
        verdict=Verdict.NEEDS_PERSON,
        provider=f"{_in_words(entry)} as {name}",
        currency=entry.currency,
        held=entry.amount - entry.refunded,
    )


def _in_words(entry: Entry) -> str:
    refunded = f", refunded {entry.refunded}" if entry.refunded else ""
    return f"{entry.standing} {entry.amount} {entry.currency}{refunded}" if entry.amount else entry.standing.value
