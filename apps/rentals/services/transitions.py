"""How a rental is changed: lock it, set its state, save it under its next version and publish the fact, in one transaction."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from apps.rentals import domain, queries
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.domain import RentalParty, RentalState
from apps.rentals.errors import ListingNotFoundError, NotTheManagerError, NotTheRenterError, RentalNotFoundError, WrongStateError
from apps.rentals.events import PaymentDeadlinePassed
from apps.rentals.models import Listing, Rental
from gdmarket import bus
from gdmarket.contracts import build


def lock_rental(*, rental_id: UUID) -> Rental:
    """Return a rental, locked with its item's listing until the end of the transaction.

    The listing is always locked first. PostgreSQL checks the exclusion constraint at every change of a rental's state and waits there for
    a concurrent request, which holds the listing and would wait for the rental: a deadlock.
    :raises RentalNotFoundError: if there is none
    """
    of_rental = Rental.objects.filter(id=rental_id).values("item_id")
    if not Listing.objects.select_for_update(no_key=True).filter(item_id__in=of_rental).first():
        raise RentalNotFoundError
    return Rental.objects.select_for_update(no_key=True).get(id=rental_id)


def lock_listing(*, item_id: UUID) -> tuple[Listing, bool]:
    """Return the listing of an item, locked until the end of the transaction, and whether its manager is suspended.

    The item's rentals change under this lock.
    :raises ListingNotFoundError: if rentals has no listing of the item
    """
    listings = Listing.objects.select_for_update(no_key=True).annotate(is_manager_suspended=queries.is_manager_suspended())
    try:
        listing = listings.get(item_id=item_id)
    except Listing.DoesNotExist as missing:
        raise ListingNotFoundError from missing
    return listing, listing.is_manager_suspended


def transition(rental: Rental, *, to: RentalState, wanted: str) -> None:
    """Set the rental's state.

    :raises WrongStateError: if the current state does not lead to `to`; `wanted` names the command in the message
    """
    if to not in domain.NEXT[RentalState(rental.state)]:
        raise WrongStateError(state=rental.state, wanted=wanted)
    rental.state = to


def is_new_operation(rental: Rental, *, operation_id: UUID | None) -> bool:
    """Return whether a command is not a repetition of the latest one, and record it as the latest."""
    if operation_id is not None and rental.operation == operation_id:
        return False
    rental.operation = operation_id
    return True


def save_and_publish(rental: Rental, fact: type[RentalSnapshot], *, now: datetime, **particulars: Any) -> None:
    """Save the rental under its next version and publish `fact` about it."""
    rental.version += 1
    rental.save(force_update=True)  # every column: the row was read under its lock
    publish(rental, fact, now=now, **particulars)


def publish(rental: Rental, fact: type[RentalSnapshot], *, now: datetime, **particulars: Any) -> None:
    """Publish `fact` with the rental's snapshot."""
    overdue = domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=now)
    event = build(fact, rental, rental_id=rental.id, overdue=overdue, occurred_at=now, **particulars)
    bus.publish(event, stream=f"rental:{rental.id}")


def schedule_timer(rental: Rental, timer: type, *, at: datetime, now: datetime) -> None:
    """Publish a timer, to be delivered at `at`."""
    bus.publish(timer(rental_id=rental.id, due_at=at, occurred_at=now), stream=f"rental-timer:{rental.id}", at=at)


def hold_until(rental: Rental, *, due_at: datetime, now: datetime) -> None:
    """Hold the period until `due_at` or as long as it may be held, and schedule the timer. An earlier timer is delivered, and ignored."""
    rental.payment_due_at = deadline(rental, wanted=due_at)
    schedule_timer(rental, PaymentDeadlinePassed, at=rental.payment_due_at, now=now)


def deadline(rental: Rental, *, wanted: datetime) -> datetime:
    """Return until when an unpaid rental may hold its period, if it is wanted until `wanted`: every deadline comes from here."""
    return min(wanted, hold_limit(rental), rental.ends_at)


def hold_limit(rental: Rental) -> datetime:
    """Return the latest moment until which a rental may hold its period unpaid."""
    return rental.hold_limit_at or rental.requested_at + longest_hold()


def longest_hold() -> timedelta:
    """Return how long a rental may hold its period unpaid, in all."""
    return timedelta(seconds=settings.GDMARKET_LONGEST_HOLD_S)


def only_renter(rental: Rental, *, by: UUID) -> None:
    """Refuse everyone but the renter.

    :raises NotTheRenterError: if `by` is the manager
    :raises RentalNotFoundError: if `by` is neither
    """
    if by == rental.renter_id:
        return
    raise NotTheRenterError if by == rental.manager_id else RentalNotFoundError


def only_manager(rental: Rental, *, by: UUID, as_operator: bool) -> RentalParty:
    """Refuse everyone but the item's manager and, `as_operator`, operators; return which of the two acts.

    :raises NotTheManagerError: if `by` is the renter
    :raises RentalNotFoundError: if `by` is neither
    """
    if by == rental.manager_id:
        return RentalParty.MANAGER
    if as_operator:
        return RentalParty.OPERATOR
    raise NotTheManagerError if by == rental.renter_id else RentalNotFoundError


def only_parties(rental: Rental, *, by: UUID, as_operator: bool) -> RentalParty:
    """Refuse everyone but the renter, the manager and, `as_operator`, operators; return which of them acts.

    :raises RentalNotFoundError: if `by` is none of them
    """
    if by == rental.renter_id and not as_operator:
        return RentalParty.RENTER
    return only_manager(rental, by=by, as_operator=as_operator)


def close(rental: Rental, *, to: RentalState, fact: type[RentalSnapshot], wanted: str, now: datetime, **particulars: Any) -> None:
    """End the rental in the state `to`, and publish `fact` about it."""
    transition(rental, to=to, wanted=wanted)
    rental.closed_at = now
    save_and_publish(rental, fact, now=now, **particulars)
