"""Cancelling a rental or its payment, and settling the refund."""

from datetime import datetime
from uuid import UUID

from apps.rentals import domain, queries
from apps.rentals.domain import CancelledBy, RentalPaymentState, RentalState
from apps.rentals.errors import WrongStateError
from apps.rentals.events import RentalCancelled, RentalCancelRequested, RentalPaymentCancelled, RentalRefundDue
from apps.rentals.models import Rental
from apps.rentals.services import limits, transitions
from gdmarket import databases


def cancel_rental(*, rental_id: UUID, by: UUID, reason: str = "", operation_id: UUID | None = None, now: datetime) -> Rental:
    """Cancel a rental for its renter or manager, and return it: `cancelled`, or `paying` or `refunding` while money is in flight.

    The same `operation_id` again changes nothing.
    :raises RentalNotFoundError: if `by` is neither
    :raises WrongStateError: if the item is out, or the rental has ended or is being cancelled already
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_parties(rental, by=by)
        if transitions.is_new_operation(rental, operation_id=operation_id):
            _cancel(rental, reason=reason, now=now)
    return queries.get_rental(rental_id=rental_id)


def refuse_rental(*, rental_id: UUID, reason: str, now: datetime) -> None:
    """Cancel a rental that items refused; one that is rented out or has ended is left unchanged."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if (
            rental.state in {RentalState.REQUESTED, RentalState.PAYING, RentalState.PAID, RentalState.REFUNDING}
            and not rental.cancel_requested
        ):
            _cancel(rental, reason=reason, now=now)


def cancel_payment(*, rental_id: UUID, by: UUID, now: datetime) -> Rental:
    """Refund a rental's payment and keep the rental: `requested` again, or `refunding` until the provider has answered.

    The money always goes back. If the renter may not hold the period unpaid any more, the rental is cancelled as well: `cancel_requested`.
    :raises NotTheRenterError: if `by` is the manager
    :raises WrongStateError: if the rental is not paid, or the item is out
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_renter(rental, by=by)
        if rental.state != RentalState.PAID:  # `paying` leads to `refunding` too, but not by this command
            raise WrongStateError(state=rental.state, wanted="cancel the payment")
        transitions.transition(rental, to=RentalState.REFUNDING, wanted="cancel the payment")
        reason = "payment cancelled"
        limits.lock_renter(renter_id=rental.renter_id)
        if not limits.may_hold_on(rental, now=now):
            reason = rental.cancel_reason = "payment cancelled, no hold left"
            rental.cancel_requested, rental.cancelled_by = True, CancelledBy.RENTER
        transitions.save_and_publish(rental, RentalRefundDue, now=now, reason=reason)
    return queries.get_rental(rental_id=rental_id)


def settle_refund(*, rental_id: UUID, payment_id: UUID, now: datetime) -> None:
    """Settle a rental whose payment was refunded: `cancelled` where that was requested, else `requested`, held for what is left."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.state != RentalState.REFUNDING or rental.payment_id != payment_id:
            return
        rental.payment_state = RentalPaymentState.REFUNDED
        if rental.cancel_requested:
            _close(rental, now=now)
            return
        # While it was paid, the time that it may be held unpaid stood still.
        rental.hold_limit_at = limits.hold_limit(rental) + (now - (rental.paid_at or now))
        rental.paid_at = None
        transitions.transition(rental, to=RentalState.REQUESTED, wanted="cancel the payment")
        transitions.hold_until(rental, due_at=now + domain.HOLD, now=now)
        transitions.save_and_publish(rental, RentalPaymentCancelled, now=now)


def _cancel(rental: Rental, *, reason: str, now: datetime) -> None:
    if rental.cancel_requested:
        raise WrongStateError(state=rental.state, wanted="cancel again")
    rental.cancel_reason = reason
    if rental.state in {RentalState.PAYING, RentalState.REFUNDING}:
        rental.cancel_requested = True
        transitions.save_and_publish(rental, RentalCancelRequested, now=now, reason=reason)
    elif rental.state == RentalState.PAID:
        transitions.transition(rental, to=RentalState.REFUNDING, wanted="cancel")
        rental.cancel_requested = True
        transitions.save_and_publish(rental, RentalRefundDue, now=now, reason=reason)
    else:
        _close(rental, now=now)


def _close(rental: Rental, *, now: datetime) -> None:
    transitions.transition(rental, to=RentalState.CANCELLED, wanted="cancel")
    rental.closed_at = now
    transitions.save_and_publish(rental, RentalCancelled, now=now, reason=rental.cancel_reason)
