"""Asking for an item: the one place where double booking is decided."""

from datetime import datetime
from uuid import UUID

from django.db import IntegrityError

from apps.rentals import domain, queries
from apps.rentals.errors import ItemWithdrawnError, PeriodTakenError
from apps.rentals.events import RentalRequested
from apps.rentals.models import Listing, Rental
from apps.rentals.services import facts
from gdmarket import databases
from gdmarket.money import Money

_NO_OVERLAP = "rentals_no_overlap"


def hold_period(
    *, rental_id: UUID, item_id: UUID, renter_id: UUID, starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> Rental:
    """Hold an item's period for a renter for 15 minutes, to be paid meanwhile.

    The period defaults to one day from now. The same `rental_id` again answers with the rental it made.
    :raises ItemNotFoundError: if rentals has not heard of the item
    :raises ItemWithdrawnError: if it was withdrawn
    :raises PeriodTakenError: if another rental holds a part of the period, or the item is overdue
    :raises InvalidError: if the period is reversed, past or too far ahead
    """
    with databases.transaction_for("rentals"):
        listing = facts.locked_listing(item_id=item_id)
        made = queries.find_rental(rental_id=rental_id)
        if made:
            return made
        start, end = domain.period(starts_at=starts_at, ends_at=ends_at, now=now)
        if listing.withdrawn:
            raise ItemWithdrawnError
        if queries.is_out_too_long(item_id=item_id, now=now):
            raise PeriodTakenError(next_free=None)
        rental = _draft(listing=listing, rental_id=rental_id, renter_id=renter_id, starts_at=start, ends_at=end, now=now)
        _insert(rental)
        facts.tell(rental, RentalRequested, now=now)
        facts.hold_until(rental, due_at=rental.payment_due_at, now=now)
    return queries.get_rental(rental_id=rental_id)


def _draft(*, listing: Listing, rental_id: UUID, renter_id: UUID, starts_at: datetime, ends_at: datetime, now: datetime) -> Rental:
    daily_price = Money(listing.daily_price, listing.currency)
    return Rental(
        id=rental_id,
        item_id=listing.item_id,
        item_name=listing.name,
        renter_id=renter_id,
        manager_id=listing.manager_id,
        starts_at=starts_at,
        ends_at=ends_at,
        price=domain.price(daily_price=daily_price, starts_at=starts_at, ends_at=ends_at).amount,
        currency=listing.currency,
        payment_due_at=now + domain.HOLD,
        requested_at=now,
        version=1,
    )


def _insert(rental: Rental) -> None:
    try:
        with databases.transaction_for("rentals"):
            rental.save(force_insert=True)
    except IntegrityError as refused:
        if _NO_OVERLAP not in str(refused):
            raise
        raise PeriodTakenError(next_free=_next_free(rental)) from refused


def _next_free(rental: Rental) -> dict[str, datetime]:
    lasting = rental.ends_at - rental.starts_at
    taken = queries.list_periods_taken(item_id=rental.item_id, after=rental.starts_at)
    start = domain.next_free_start(taken=taken, starts_at=rental.starts_at, lasting=lasting)
    return {"starts_at": start, "ends_at": start + lasting}
