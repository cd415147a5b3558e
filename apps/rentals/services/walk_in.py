"""Booking an item for a neighbour at the desk, who pays its manager in cash: with an account or without one."""

import time
from datetime import datetime, timedelta
from uuid import UUID

from apps.accounts import facade as accounts
from apps.payments.contracts import CASH
from apps.rentals import domain, queries
from apps.rentals.domain import RentalState
from apps.rentals.errors import ListingNotFoundError, NotTheManagerError, RenterNotFoundError, RenterNotNamedError
from apps.rentals.models import Guest, Rental
from apps.rentals.services import paying, requesting
from gdmarket import bus
from gdmarket.text import shows_something


def book_walk_in(
    *,
    rental_id: UUID,
    item_id: UUID,
    by: UUID,
    renter_email: str = "",
    renter_name: str = "",
    contact: str = "",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    expected_price: int | None = None,
    now: datetime,
) -> Rental:
    """Book an item for a renter who has paid its manager in cash, and return the rental: `paid`.

    The renter is who has an account with `renter_email`, or a guest with `renter_name` and, if they like, a `contact`. What a renter may
    hold unpaid does not matter, as nothing is. The same `rental_id` again returns the rental it made.
    :raises ListingNotFoundError: if rentals has no listing of the item
    :raises NotTheManagerError: if the item is another manager's
    :raises RenterNotNamedError: if the renter is not given, or twice
    :raises RenterNotFoundError: if nobody who may rent has this e-mail address
    :raises OwnItemError, ItemWithdrawnError, ItemPausedError, ManagerInactiveError, PriceChangedError: as `request_rental` does
    :raises PeriodTakenError, AlreadyRequestedError, AlreadyRentedError: the same
    :raises InvalidError: if the period is reversed, past, too short or too far ahead
    """
    began = time.monotonic()
    guest = _guest(rental_id, renter_email=renter_email, renter_name=renter_name, contact=contact, now=now)
    _check_manager(item_id, by=by)  # first: only who has the item learns who has an account
    renter_id = guest.renter_id if guest else _find_renter(renter_email)
    with bus.defer_dispatch():
        rental, _ = requesting.hold_period(
            rental_id=rental_id,
            item_id=item_id,
            renter_id=renter_id,
            guest=guest,
            starts_at=starts_at,
            ends_at=ends_at,
            expected_price=expected_price,
            method=CASH,
            now=now,
        )
        if rental.state != RentalState.PAYING or rental.payment_id is None or not rental.in_cash:
            return rental
        charged = paying.charge(rental, payment_id=rental.payment_id, method=CASH, now=now)
    return paying.resolve_charge(*charged, at=now + timedelta(seconds=time.monotonic() - began))


def _guest(rental_id: UUID, *, renter_email: str, renter_name: str, contact: str, now: datetime) -> Guest | None:
    if bool(renter_email) == shows_something(text=renter_name):
        raise RenterNotNamedError
    if renter_email:
        return None
    return Guest(renter_id=domain.guest_id(rental_id=rental_id), name=renter_name, contact=contact, created_at=now)


def _check_manager(item_id: UUID, *, by: UUID) -> None:
    manager_id = queries.find_manager(item_id=item_id)
    if manager_id is None:
        raise ListingNotFoundError
    if by != manager_id:
        raise NotTheManagerError


def _find_renter(email: str) -> UUID:
    renter = accounts.find_renter(email=email)
    if renter is None:
        raise RenterNotFoundError
    return renter.id
