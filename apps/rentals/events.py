"""What rentals tells the others, and the timers it sets for itself.

Every change of a rental's row is one of these facts, and each carries the whole public rental as it stands after it, so that a
reader need never ask back.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class _RentalFact:
    """A rental as it stands after the fact; `price` in minor units of `currency`; `version` grows by one with every fact."""

    rental_id: UUID
    item_id: UUID
    item_name: str
    renter_id: UUID
    manager_id: UUID
    starts_at: datetime
    ends_at: datetime
    price: int
    currency: str
    state: str
    overdue: bool
    payment_due_at: datetime
    payment_id: UUID | None
    payment_state: str | None
    cancel_requested: bool
    version: int
    requested_at: datetime
    paid_at: datetime | None
    handed_over_at: datetime | None
    returned_at: datetime | None
    closed_at: datetime | None
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRequested(_RentalFact):
    """A renter asked for an item and holds its period until `payment_due_at`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaymentStarted(_RentalFact):
    """An attempt to pay is about to be made, under `payment_id`. Sent before the provider is asked."""

    method: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaid(_RentalFact):
    """A rental was paid in full. Not sent for deposits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaymentFailed(_RentalFact):
    """An attempt to pay came to nothing, surely; the period is still held until `payment_due_at`."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalHoldProlonged(_RentalFact):
    """The renter has longer to pay, because the payment provider could not be asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalCancelRequested(_RentalFact):
    """A cancel arrived while a payment or refund is in flight; it is honoured when that is resolved."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRefundDue(_RentalFact):
    """The payment `payment_id` must be given back in full."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaymentCancelled(_RentalFact):
    """The payment was given back and the rental stands, requested again. Not sent when the rental itself was cancelled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalHandedOver(_RentalFact):
    """The item manager gave the item to the renter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPeriodBegan(_RentalFact):
    """The period of a paid rental began and the item has not been handed over yet. Not sent for a rental that ended before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalOverdue(_RentalFact):
    """The period ended and the item is not back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalReturned(_RentalFact):
    """The item manager took the item back; the rental is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalCancelled(_RentalFact):
    """The rental was called off and nothing is owed either way."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalExpired(_RentalFact):
    """The rental was not paid in time; the item is free."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _RentalTimer:
    """A moment in a rental's life, sent to rentals itself; a timer that no longer matters is ignored."""

    rental_id: UUID
    due_at: datetime
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PaymentDeadlinePassed(_RentalTimer):
    """The time to pay is over."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodBegan(_RentalTimer):
    """The period's first moment has come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodEnded(_RentalTimer):
    """The period's last moment has passed."""
