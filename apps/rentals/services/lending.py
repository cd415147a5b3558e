"""Handing an item over, taking it back, and the timers of its period."""

from datetime import datetime
from uuid import UUID

from apps.rentals import domain, queries
from apps.rentals.domain import RentalState
from apps.rentals.errors import AlreadyRentedError, AlreadyRequestedError, ItemOutError, ItemReservedError
from apps.rentals.events import PeriodEnded, RentalHandedOver, RentalOverdue, RentalPeriodBegan, RentalReturned
from apps.rentals.models import Rental
from apps.rentals.services import transitions
from gdmarket import databases


def hand_over(*, rental_id: UUID, by: UUID, operation_id: UUID | None = None, now: datetime) -> Rental:
    """Give the item of a paid rental to its renter; the same `operation_id` again changes nothing.

    :raises NotTheManagerError: if `by` is the renter
    :raises WrongStateError: if the rental is not paid
    :raises ItemOutError: if the item is still rented out to another renter; AlreadyRentedError, if to this one
    :raises ItemReservedError: if another renter holds the item now, or before this rental's period; AlreadyRequestedError, if this one does
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_manager(rental, by=by)
        if transitions.is_new_operation(rental, operation_id=operation_id):
            transitions.transition(rental, to=RentalState.RENTED, wanted="hand over")
            if out := queries.find_out(item_id=rental.item_id):
                raise (AlreadyRentedError if out.renter_id == rental.renter_id else ItemOutError)(rental=str(out.id))
            if first := queries.find_reserved_before(rental=rental, now=now):
                raise (AlreadyRequestedError if first.renter_id == rental.renter_id else ItemReservedError)(rental=str(first.id))
            rental.handed_over_at = now
            transitions.save_and_publish(rental, RentalHandedOver, now=now)
            transitions.schedule_timer(rental, PeriodEnded, at=rental.ends_at, now=now)
    return queries.get_rental(rental_id=rental_id)


def take_back(*, rental_id: UUID, by: UUID, operation_id: UUID | None = None, now: datetime) -> Rental:
    """Take the item back from its renter; the rental is over, and the same `operation_id` again changes nothing.

    :raises NotTheManagerError: if `by` is the renter
    :raises WrongStateError: if the item is not rented out
    """
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        transitions.only_manager(rental, by=by)
        if transitions.is_new_operation(rental, operation_id=operation_id):
            transitions.transition(rental, to=RentalState.RETURNED, wanted="take back")
            rental.returned_at = rental.closed_at = now
            transitions.save_and_publish(rental, RentalReturned, now=now)
    return queries.get_rental(rental_id=rental_id)


def begin_period(*, rental_id: UUID, now: datetime) -> None:
    """Publish, once, that a paid rental's period began; a rental that is rented out or not paid is left unchanged."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.state == RentalState.PAID and rental.began_at is None:
            rental.began_at = now
            transitions.save_and_publish(rental, RentalPeriodBegan, now=now)


def end_period(*, rental_id: UUID, now: datetime) -> None:
    """Publish that an item is overdue; a rental that was returned, or whose period is not over, is left unchanged."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=now):
            transitions.save_and_publish(rental, RentalOverdue, now=now)
