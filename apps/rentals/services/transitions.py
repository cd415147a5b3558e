"""How a rental is changed: lock it, set its state, save it under its next version and publish the fact, in one transaction."""

from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.db.models import UUIDField

from apps.rentals import domain, queries
from apps.rentals.contracts import RentalSnapshot
from apps.rentals.domain import RentalParty, RentalState
from apps.rentals.errors import ListingNotFoundError, NotTheManagerError, NotTheRenterError, RentalNotFoundError, WrongStateError
from apps.rentals.events import PaymentDeadlinePassed
from apps.rentals.models import Listing, Rental
from gdmarket import bus, databases
from gdmarket.contracts import build
from gdmarket.prepared import Param, Prepared
from gdmarket.prepared_writes import PreparedInsert, PreparedUpdate

Fact = TypeVar("Fact", bound=RentalSnapshot)

# What a rental agreed to when it was requested: these columns never change.
# `search_text` is null in rows of the version before until `catch_up` fills it in.
_AGREED = frozenset(
    {"id", "item_id", "item_name", "search_text", "item_version", "renter_id", "manager_id", "starts_at", "ends_at", "price", "currency"}
) | {"requested_at"}
_CHANGING = tuple(field.attname for field in Rental._meta.concrete_fields if field.attname not in _AGREED)  # noqa: SLF001  # Django documents it
_ID = UUIDField()
_INSERT = PreparedInsert(Rental)
_UPDATE = PreparedUpdate(Rental.objects.filter(id=Param("rental_id", _ID)), *_CHANGING)
_LISTING = Prepared(
    Listing.objects.select_for_update(no_key=True)
    .filter(item_id=Param("item_id", _ID))
    .annotate(is_manager_suspended=queries.is_manager_suspended())
)
# PostgreSQL locks the rows in the order in which they are named, and returns them as they are once it has the locks.
_LOCK = """
SELECT rental.* FROM rentals_listing listing JOIN rentals_rental rental ON rental.item_id = listing.item_id
WHERE rental.id = %s {lock}
"""
_LOCKS = {"postgresql": _LOCK.format(lock="FOR NO KEY UPDATE OF listing, rental"), "sqlite": _LOCK.format(lock="")}


def lock_rental(*, rental_id: UUID) -> Rental:
    """Return a rental, locked with its item's listing until the end of the transaction.

    The listing is always locked first. PostgreSQL checks the exclusion constraint at every change of a rental's state and waits there for
    a concurrent request, which holds the listing and would wait for the rental: a deadlock.
    :raises RentalNotFoundError: if there is none
    """
    connection = connections[databases.alias_for("rentals")]
    found = list(Rental.objects.raw(_LOCKS[connection.vendor], [_ID.get_db_prep_value(rental_id, connection)]))
    if not found:
        raise RentalNotFoundError
    return found[0]


def lock_listing(*, item_id: UUID) -> tuple[Listing, bool]:
    """Return the listing of an item, locked until the end of the transaction, and whether its manager is suspended.

    The item's rentals change under this lock.
    :raises ListingNotFoundError: if rentals has no listing of the item
    """
    listing = _LISTING.first(item_id=item_id)
    if listing is None:
        raise ListingNotFoundError
    return listing, listing.is_manager_suspended


def transition(rental: Rental, *, to: RentalState, wanted: str) -> None:
    """Set the rental's state.

    :raises WrongStateError: if the current state does not lead to `to`; `wanted` names the command in the message
    """
    if to not in domain.NEXT[RentalState(rental.state)]:
        raise WrongStateError(state=rental.state, wanted=wanted)
    rental.state = to


def record_operation(rental: Rental, *, operation_id: UUID | None) -> bool:
    """Record a command as the rental's latest; return False, and change nothing, if it is a repetition of the latest one."""
    if operation_id is not None and rental.operation == operation_id:
        return False
    rental.operation = operation_id
    return True


def save_and_publish(rental: Rental, fact: type[RentalSnapshot], *, now: datetime, **particulars: Any) -> None:
    """Save the rental under its next version and publish `fact` about it."""
    rental.version += 1
    _UPDATE.run(rental_id=rental.id, **{name: getattr(rental, name) for name in _CHANGING})  # all of them: it was read under its lock
    publish(fact_of(rental, fact, now=now, **particulars))


def insert(rental: Rental) -> None:
    """Write a new rental's row.

    :raises IntegrityError: if the database refuses it
    """
    _INSERT.run(rental)


def fact_of(rental: Rental, fact: type[Fact], *, now: datetime, **particulars: Any) -> Fact:
    """Return `fact` with the rental's snapshot."""
    overdue = domain.is_overdue(state=rental.state, ends_at=rental.ends_at, now=now)
    return build(fact, rental, rental_id=rental.id, overdue=overdue, occurred_at=now, **particulars)


def publish(fact: RentalSnapshot) -> None:
    """Publish a fact about its rental."""
    bus.publish(fact, stream=f"rental:{fact.rental_id}")


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
