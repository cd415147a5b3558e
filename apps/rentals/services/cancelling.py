"""Cancelling a rental or its payment, and settling the refund."""

from datetime import datetime
from uuid import UUID

from apps.rentals import domain, queries
from apps.rentals.domain import RentalParty, RentalPaymentState, RentalState
from apps.rentals.errors import CancelledTooLateError, ReasonRequiredError, WrongStateError
from apps.rentals.events import (
    RentalCancelled,
    RentalCancelRequested,
    RentalExpired,
    RentalPaymentCancelled,
    RentalRefundDue,
    RentalRefunded,
)
from apps.rentals.models import Rental
from apps.rentals.services import limits, transitions
from gdmarket import bus, databases
from gdmarket.text import shows_something


def cancel_rental(
    *, rental_id: UUID, by: UUID, as_operator: bool = False, reason: str = "", operation_id: UUID | None = None, now: datetime
) -> Rental:
    """Cancel a rental for its renter or manager, or for an operator, and return it.

    It is `cancelled`, or `paying` or `refunding` while money is in flight. From the end of the period on a renter cannot cancel; the others
    can, with a reason, also what was never fetched. The same `operation_id` again changes nothing.
    :raises RentalNotFoundError: if `by` is none of them
    :raises CancelledTooLateError: if `by` is the renter, and the period is over
    :raises ReasonRequiredError: if the period is over, and there is no reason
    :raises WrongStateError: if the item is out, or the rental has ended or is being cancelled already
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        party = transitions.only_parties(rental, by=by, as_operator=as_operator)
        if transitions.record_operation(rental, operation_id=operation_id):
            if rental.ends_at <= now and rental.state in domain.REVOCABLE:
                _check_late_cancel(party=party, reason=reason)
            _cancel(rental, by=party, reason=reason, now=now)
    bus.deliver_deferred()  # the refund, too, so that its outcome is known, as far as the provider answers at once
    return queries.get_rental(rental_id=rental_id)


def refuse_rental(*, rental_id: UUID, reason: str, now: datetime) -> None:
    """Cancel a rental that items refused; one that is rented out or has ended is left unchanged."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.state in domain.REVOCABLE and not rental.cancel_requested:
            _cancel(rental, by=RentalParty.SYSTEM, reason=reason, now=now)


def cancel_payment(*, rental_id: UUID, by: UUID, now: datetime) -> Rental:
    """Refund a rental's payment and keep the rental: `requested` again, or `refunding` until the provider has answered.

    The money always goes back. If the renter may not hold the period unpaid any more, the rental is cancelled as well: `cancel_requested`.
    :raises NotTheRenterError: if `by` is the manager
    :raises CancelledTooLateError: if the period is over
    :raises WrongStateError: if the rental is not paid, or the item is out
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_renter(rental, by=by)
        if rental.ends_at <= now and rental.state in domain.NOT_HANDED_OVER:
            raise CancelledTooLateError
        if rental.state != RentalState.PAID:  # `paying` leads to `refunding` too, but not by this command
            raise WrongStateError(state=rental.state, wanted="cancel the payment")
        transitions.transition(rental, to=RentalState.REFUNDING, wanted="cancel the payment")
        reason = "payment_cancelled"
        limits.lock_renter(renter_id=rental.renter_id)
        if not limits.can_hold_unpaid(rental, now=now):
            reason = rental.cancel_reason = "no_hold_left"
            rental.cancel_requested, rental.cancelled_by = True, RentalParty.RENTER
        rental.cancelled_payments = (rental.cancelled_payments or 0) + 1
        transitions.save_and_publish(rental, RentalRefundDue, now=now, reason=reason)
    bus.deliver_deferred()  # the refund, too, so that its outcome is known, as far as the provider answers at once
    return queries.get_rental(rental_id=rental_id)


def begin_full_refund(*, rental_id: UUID, payment_id: UUID, stated_by: str, reason: str, now: datetime) -> None:
    """Cancel a paid rental of which somebody gives all money back, for `reason`: `refunding` until it is back, and not handed over.

    One that was handed over, has ended, or whose money goes back already, is left unchanged.
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.payment_id == payment_id and rental.state in domain.NOT_HANDED_OVER:
            _take_as_cancelled(rental, stated_by=stated_by, reason=reason)
            transitions.save_and_publish(rental, RentalCancelRequested, now=now, reason=reason)


def settle_refund(*, rental_id: UUID, payment_id: UUID, stated_by: str = "", reason: str = "", now: datetime) -> None:
    """Settle a rental whose payment was refunded: `cancelled` where that was requested, else `requested`, held for what is left.

    A rental whose period is over meanwhile is not held again: it has expired. One that nobody cancelled and that was not handed over is
    cancelled by who gave the money back, for `reason`; one that was handed over stays as it is, and says that the money is back.
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.payment_id != payment_id or rental.payment_state == RentalPaymentState.REFUNDED:
            return
        if rental.state in {RentalState.RENTED, RentalState.RETURNED}:
            rental.payment_state = RentalPaymentState.REFUNDED
            transitions.save_and_publish(rental, RentalRefunded, now=now)
            return
        if rental.state in domain.NOT_HANDED_OVER:
            _take_as_cancelled(rental, stated_by=stated_by, reason=reason)
        if rental.state != RentalState.REFUNDING:
            return
        rental.payment_state = RentalPaymentState.REFUNDED
        if rental.cancel_requested:
            _close(rental, now=now)
            return
        # While it was paid, the time that it may be held unpaid stood still.
        rental.hold_limit_at = transitions.hold_limit(rental) + (now - (rental.paid_at or now))
        rental.paid_at = None
        if rental.ends_at <= now:
            transitions.close(rental, to=RentalState.EXPIRED, fact=RentalExpired, wanted="cancel the payment", now=now)
            return
        transitions.transition(rental, to=RentalState.REQUESTED, wanted="cancel the payment")
        transitions.hold_until(rental, due_at=now + domain.HOLD, now=now)
        transitions.save_and_publish(rental, RentalPaymentCancelled, now=now)


def _check_late_cancel(*, party: RentalParty, reason: str) -> None:
    if party is RentalParty.RENTER:
        raise CancelledTooLateError
    if not shows_something(text=reason):
        raise ReasonRequiredError


def _take_as_cancelled(rental: Rental, *, stated_by: str, reason: str) -> None:
    transitions.transition(rental, to=RentalState.REFUNDING, wanted="cancel")
    rental.cancel_requested, rental.cancel_reason = True, reason
    rental.cancelled_by = RentalParty(stated_by) if stated_by else RentalParty.SYSTEM


def _cancel(rental: Rental, *, by: RentalParty, reason: str, now: datetime) -> None:
    if rental.cancel_requested:
        raise WrongStateError(state=rental.state, wanted="cancel again")
    rental.cancel_reason, rental.cancelled_by = reason, by
    if rental.state in {RentalState.PAYING, RentalState.REFUNDING}:
        rental.cancel_requested = True
        transitions.save_and_publish(rental, RentalCancelRequested, now=now, reason=reason)
    elif rental.state in domain.NOT_HANDED_OVER:
        transitions.transition(rental, to=RentalState.REFUNDING, wanted="cancel")
        rental.cancel_requested = True
        transitions.save_and_publish(rental, RentalRefundDue, now=now, reason=reason)
    else:
        _close(rental, now=now)


def _close(rental: Rental, *, now: datetime) -> None:
    transitions.close(rental, to=RentalState.CANCELLED, fact=RentalCancelled, wanted="cancel", now=now, reason=rental.cancel_reason)
