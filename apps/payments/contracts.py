"""What crosses the boundary of payments, each field written once: what is to be charged, what came of it, how a payment stands."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

CASH = "cash"
"""The method of a payment that the item's manager takes at the desk: no provider knows it, and none is called for it."""


class ChargeOutcome(StrEnum):
    """What came of an attempt to charge. An unknown outcome is never guessed: an event says later what it was."""

    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


class AmountRefusal(StrEnum):
    """Why a provider never takes a sum; also the `reason` of a charge that it declined for that."""

    TOO_SMALL = "amount_too_small"
    TOO_LARGE = "amount_too_large"


@dataclass(frozen=True, kw_only=True, slots=True)
class RefusedAmount:
    """A sum that the provider never takes: the first it takes on that side of it is `limit` minor units."""

    reason: AmountRefusal
    limit: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeRequest:
    """What is to be charged, once for ever under `payment_id`: `amount` minor units of `currency`, from the renter for the item's manager.

    `method` is what the renter pays with. `provider_reference` is the provider's own name for the charge, "" until it is known.
    `payee_id` is None only for payments recorded before payees were, and `item_id`, what the rental is of, before items were.
    """

    payment_id: UUID
    rental_id: UUID
    payer_id: UUID
    payee_id: UUID | None
    amount: int
    currency: str
    method: str
    provider_reference: str = ""
    item_id: UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChargeResult:
    """What came of an attempt; `retry_after_s` says when to try again, if the provider could not be called and it is known.

    `provider_failed`: it was not sent because the provider could not be reached; False where that is not known.
    """

    payment_id: UUID
    outcome: ChargeOutcome
    reason: str
    retry_after_s: float | None
    version: int
    provider_failed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TakenPayment:
    """A payment that was taken, in minor units of `currency`: of its `amount`, `refund_due` is given back or to be, and `refunded` is."""

    payment_id: UUID
    amount: int
    refund_due: int
    refunded: int
    currency: str
    in_cash: bool

    @property
    def left(self) -> int:
        """What goes back if all of it does: what is neither given back nor on its way."""
        return self.amount - self.refund_due


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentSnapshot:
    """A payment as it stands; `amount` and `refunded` in minor units of `currency`, `occurred_at` its last change."""

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
