"""The facts that rentals publishes, and the timers it sets for itself.

Every change of a rental's row is one of these facts. Each carries the snapshot of the rental after the change, so that no subscriber has
to ask back.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.rentals.contracts import BlockSnapshot, RentalSnapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRequested(RentalSnapshot):
    """A renter requested an item and holds its period until `payment_due_at`; or its manager booked it for one who pays at the desk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaymentStarted(RentalSnapshot):
    """An attempt to pay is about to be made, under `payment_id`. Sent before the provider is asked."""

    method: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaid(RentalSnapshot):
    """A rental was paid in full. Not sent for deposits."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaymentFailed(RentalSnapshot):
    """An attempt to pay certainly failed; the period is still held until `payment_due_at`."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalHoldProlonged(RentalSnapshot):
    """The renter has longer to pay, because the payment provider could not be asked."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalCancelRequested(RentalSnapshot):
    """A cancel arrived while a payment or refund is in flight; it is honoured when that is resolved."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRefundDue(RentalSnapshot):
    """The payment `payment_id` must be refunded in full."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPaymentCancelled(RentalSnapshot):
    """The payment was refunded and the rental is `requested` again. Not sent when the rental itself was cancelled."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalHandedOver(RentalSnapshot):
    """The item manager gave the item to the renter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalPeriodBegan(RentalSnapshot):
    """The period of a paid rental began and the item has not been handed over yet. Not sent for a rental that ended before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalItemChanged(RentalSnapshot):
    """The item's manager changed what an open rental had agreed. Not sent for a new price, which holds for new rentals alone.

    `changed` names what differs now, separated by commas: `name`, `description`, `category`, `place`, `latitude`, `longitude`, `deposit`.
    It is empty where the item is again as it was agreed.
    """

    changed: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalOverdue(RentalSnapshot):
    """The period ended and the item was not returned."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalReturned(RentalSnapshot):
    """The item was returned to its manager at `returned_at`, as `stated_by` (`manager` or `operator`) said at `occurred_at`.

    The rental is over.
    """

    stated_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalReturnUndone(RentalSnapshot):
    """The return was a mistake, as `stated_by` (`manager` or `operator`) said: the item is still with the renter."""

    stated_by: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRefunded(RentalSnapshot):
    """An operator gave all the money of a rental back that was handed over: it goes on, or is over, as it was."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalCancelled(RentalSnapshot):
    """The rental was cancelled and nothing is owed either way."""

    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalExpired(RentalSnapshot):
    """The rental was not paid in time; its period is free. Also sent when it was paid too late and the money is back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalNoShowRecorded(RentalSnapshot):
    """The period of a paid rental ended and the item was never fetched: the item is free, and the money is kept."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodBlocked(BlockSnapshot):
    """A manager blocked a period of an item: nobody can request it then. No rental holds a part of it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PeriodUnblocked(BlockSnapshot):
    """A block was lifted, by a person. That its period is over is not told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _RentalTimer:
    """A deadline of a rental, delivered to rentals itself; one that no longer matters is ignored."""

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
