"""Handing an item over, taking it back, and the timers of its period."""

from datetime import datetime
from uuid import UUID

from apps.payments import facade as payments
from apps.rentals import domain, queries
from apps.rentals.domain import RentalState
from apps.rentals.errors import (
    AlreadyRentedError,
    AlreadyRequestedError,
    HandedOverTooLateError,
    ItemOutError,
    ItemReservedError,
    ReturnFinalError,
    ReturnStandsError,
    WrongStateError,
)
from apps.rentals.events import (
    PeriodEnded,
    RentalHandedOver,
    RentalNoShowRecorded,
    RentalOverdue,
    RentalPeriodBegan,
    RentalReturned,
    RentalReturnUndone,
)
from apps.rentals.models import Rental
from apps.rentals.services import transitions
from gdmarket import bus, databases


def hand_over(*, rental_id: UUID, by: UUID, as_operator: bool = False, operation_id: UUID | None = None, now: datetime) -> Rental:
    """Give the item of a paid rental to its renter; the same `operation_id` again changes nothing.

    :raises NotTheManagerError: if `by` is the renter
    :raises HandedOverTooLateError: if the period of the paid rental is over
    :raises WrongStateError: if the rental is not paid, or all of its money goes back
    :raises ItemOutError: if the item is still rented out to another renter; AlreadyRentedError, if to this one
    :raises ItemReservedError: if another renter holds the item now, or before this rental's period; AlreadyRequestedError, if this one does
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_manager(rental, by=by, as_operator=as_operator)
        if transitions.record_operation(rental, operation_id=operation_id):
            if rental.ends_at <= now and rental.state in domain.NOT_HANDED_OVER:
                raise HandedOverTooLateError
            if rental.state != RentalState.PAID:  # an undone return leads to `rented` too, but not by this command
                raise WrongStateError(state=rental.state, wanted="hand over")
            # An operator may have given all of it back, and rentals may not have heard of it yet.
            if rental.payment_id and payments.is_given_back(payment_id=rental.payment_id):
                raise WrongStateError(state=RentalState.REFUNDING, wanted="hand over")
            transitions.transition(rental, to=RentalState.RENTED, wanted="hand over")
            if out := queries.find_rental_out(item_id=rental.item_id):
                raise (AlreadyRentedError if out.renter_id == rental.renter_id else ItemOutError)(rental=str(out.id))
            if first := queries.find_reserved_before(rental=rental, now=now):
                raise (AlreadyRequestedError if first.renter_id == rental.renter_id else ItemReservedError)(rental=str(first.id))
            rental.handed_over_at = now
            transitions.save_and_publish(rental, RentalHandedOver, now=now)
            transitions.schedule_timer(rental, PeriodEnded, at=rental.ends_at, now=now)
    return queries.get_rental(rental_id=rental_id)


def take_back(
    *,
    rental_id: UUID,
    by: UUID,
    as_operator: bool = False,
    returned_at: datetime | None = None,
    operation_id: UUID | None = None,
    now: datetime,
) -> Rental:
    """Take the item back from its renter; the rental is over, and the same `operation_id` again changes nothing.

    `returned_at` is when the item came back, where that is recorded later.
    :raises NotTheManagerError: if `by` is the renter
    :raises WrongStateError: if the item is not rented out
    :raises ReturnInFutureError, ReturnBeforeHandoverError: if the item cannot have come back then
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        party = transitions.only_manager(rental, by=by, as_operator=as_operator)
        if transitions.record_operation(rental, operation_id=operation_id):
            if rental.state != RentalState.RENTED:
                raise WrongStateError(state=rental.state, wanted="take back")
            rental.returned_at = domain.returned_at(stated=returned_at, handed_over_at=rental.handed_over_at or now, now=now)
            transitions.close(rental, to=RentalState.RETURNED, fact=RentalReturned, wanted="take back", now=now, stated_by=party)
    return queries.get_rental(rental_id=rental_id)


def undo_return(*, rental_id: UUID, by: UUID, as_operator: bool = False, now: datetime) -> Rental:
    """Take a return back that was recorded by mistake, within 15 minutes: the item is still with the renter.

    :raises NotTheManagerError: if `by` is the renter
    :raises WrongStateError: if the rental is not returned
    :raises ReturnFinalError: if the return was recorded earlier
    :raises ReturnStandsError: if another rental was given a part of the period since, or of the time since its end
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        party = transitions.only_manager(rental, by=by, as_operator=as_operator)
        if rental.state != RentalState.RETURNED or rental.closed_at is None:
            raise WrongStateError(state=rental.state, wanted="undo the return")
        if now - rental.closed_at > domain.TIME_TO_UNDO:
            raise ReturnFinalError
        if given := queries.find_given_since(rental=rental, since=rental.closed_at, now=now):
            raise ReturnStandsError(rental=str(given.id))
        transitions.transition(rental, to=RentalState.RENTED, wanted="undo the return")
        rental.returned_at = rental.closed_at = None
        transitions.save_and_publish(rental, RentalReturnUndone, now=now, stated_by=party)
        if rental.ended_at is None:  # the timer of the handover may have been delivered, and ignored, meanwhile
            transitions.schedule_timer(rental, PeriodEnded, at=rental.ends_at, now=now)
    return queries.get_rental(rental_id=rental_id)


def begin_period(*, rental_id: UUID, now: datetime) -> None:
    """Publish, once, that a paid rental's period began, and schedule its end.

    A rental that is not paid, or whose item is with the renter, is left unchanged: the handover has scheduled the end.
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.state == RentalState.PAID and rental.began_at is None:
            rental.began_at = now
            transitions.save_and_publish(rental, RentalPeriodBegan, now=now)
            transitions.schedule_timer(rental, PeriodEnded, at=rental.ends_at, now=now)


def schedule_period_end(*, rental_id: UUID, now: datetime) -> bool:
    """Schedule the end of a paid rental's period, where a process of an older version did not; return whether that was so."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.state != RentalState.PAID or rental.ended_at is not None:
            return False
        if bus.is_scheduled(PeriodEnded, to="rentals", streams=[f"rental-timer:{rental_id}", f"rental-period:{rental_id}"]):
            return False
        transitions.schedule_timer(rental, PeriodEnded, at=rental.ends_at, now=now)
    return True


def end_period(*, rental_id: UUID, now: datetime) -> None:
    """Publish, once, that an item is overdue, or that it was paid for and never fetched: then it is free.

    A rental in another state, or whose period is not over, is left unchanged.
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.ended_at is not None or now < rental.ends_at:
            return
        if rental.state == RentalState.RENTED:
            rental.ended_at = now
            transitions.save_and_publish(rental, RentalOverdue, now=now)
        elif rental.state == RentalState.PAID:
            rental.ended_at = now
            transitions.close(rental, to=RentalState.NO_SHOW, fact=RentalNoShowRecorded, wanted="expire", now=now)
