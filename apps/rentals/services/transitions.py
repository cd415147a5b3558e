"""One way to change a rental: move it, raise its version, save it and publish the fact, in the caller's transaction."""

from datetime import datetime
from typing import Any
from uuid import UUID

from apps.rentals import domain
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.domain import RentalState
from apps.rentals.errors import ListingNotFoundError, NotTheManagerError, NotTheRenterError, RentalNotFoundError, WrongStateError
from apps.rentals.events import PaymentDeadlinePassed
from apps.rentals.models import Listing, Rental
from gdmarket import bus
from gdmarket.contracts import build


def lock_rental(*, rental_id: UUID) -> Rental:
    """Return a rental, locked with its item's listing until the end of the transaction.

    The listing always comes first: PostgreSQL checks the exclusion constraint at every change of a rental's state, and waits there for
    a rival request that is being refused while it holds the listing and waits for the rental.
    :raises RentalNotFoundError: if there is none
    """
    of_rental = Rental.objects.filter(id=rental_id).values("item_id")
    if not Listing.objects.select_for_update(no_key=True).filter(item_id__in=of_rental).first():
        raise RentalNotFoundError
    return Rental.objects.select_for_update(no_key=True).get(id=rental_id)


def lock_listing(*, item_id: UUID) -> Listing:
    """Return what rentals knows of an item, locked until the end of the transaction: the lock under which its rentals are decided.

    :raises ListingNotFoundError: if rentals has not heard of the item
    """
    try:
        return Listing.objects.select_for_update(no_key=True).get(item_id=item_id)
    except Listing.DoesNotExist as missing:
        raise ListingNotFoundError from missing


def transition(rental: Rental, *, to: RentalState, wanted: str) -> None:
    """Set the rental's state.

    :raises WrongStateError: if the present state does not lead there; `wanted` names what was asked, for the person
    """
    if to not in domain.NEXT[RentalState(rental.state)]:
        raise WrongStateError(state=rental.state, wanted=wanted)
    rental.state = to


def is_new(rental: Rental, *, operation_id: UUID | None) -> bool:
    """Say whether a command is not the one obeyed last, repeated; if so, note it as that."""
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
    """Publish `fact` with the whole public rental as it stands."""
    overdue = domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=now)
    event = build(fact, rental, rental_id=rental.id, overdue=overdue, occurred_at=now, **particulars)
    bus.publish(event, stream=f"rental:{rental.id}")


def schedule_timer(rental: Rental, timer: type, *, at: datetime, now: datetime) -> None:
    """Set a durable timer for the rental."""
    bus.publish(timer(rental_id=rental.id, due_at=at, occurred_at=now), stream=f"rental-timer:{rental.id}", at=at)


def hold_until(rental: Rental, *, due_at: datetime, now: datetime) -> None:
    """Hold the period until `due_at`, and be reminded of it. An earlier reminder may still come; it is ignored."""
    rental.payment_due_at = due_at
    schedule_timer(rental, PaymentDeadlinePassed, at=due_at, now=now)


def only_renter(rental: Rental, *, by: UUID) -> None:
    """Refuse everyone but the renter.

    :raises NotTheRenterError: if `by` is the manager
    :raises RentalNotFoundError: if `by` is neither
    """
    if by == rental.renter_id:
        return
    raise NotTheRenterError if by == rental.manager_id else RentalNotFoundError


def only_manager(rental: Rental, *, by: UUID) -> None:
    """Refuse everyone but the item's manager.

    :raises NotTheManagerError: if `by` is the renter
    :raises RentalNotFoundError: if `by` is neither
    """
    if by == rental.manager_id:
        return
    raise NotTheManagerError if by == rental.renter_id else RentalNotFoundError


def only_parties(rental: Rental, *, by: UUID) -> None:
    """Refuse everyone but the renter and the manager.

    :raises RentalNotFoundError: if `by` is neither
    """
    if by not in {rental.renter_id, rental.manager_id}:
        raise RentalNotFoundError
