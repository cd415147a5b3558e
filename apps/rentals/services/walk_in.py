"""Booking an item for a neighbour at the desk, who pays its manager in cash: with an account or without one."""

import time
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError

from apps.accounts import facade as accounts
from apps.payments.contracts import CASH
from apps.rentals import domain, queries
from apps.rentals.domain import RentalState
from apps.rentals.errors import NotTheManagerError, RenterNotFoundError, RenterNotNamedError
from apps.rentals.events import RentalPaymentStarted, RentalRequested
from apps.rentals.models import Guest, Rental
from apps.rentals.services import paying, requesting, transitions
from gdmarket import bus, databases
from gdmarket.money import Money
from gdmarket.text import shows_something


def book_walk_in(
    *,
    rental_id: UUID,
    item_id: UUID,
    by: UUID,
    as_operator: bool = False,
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
    :raises OwnItemError, ItemWithdrawnError, ManagerInactiveError, PriceChangedError: as `request_rental` does
    :raises PeriodTakenError, AlreadyRequestedError, AlreadyRentedError: the same
    :raises InvalidError: if the period is reversed, past, too short or too far ahead
    """
    began = time.monotonic()
    guest = _guest(rental_id, renter_email=renter_email, renter_name=renter_name, contact=contact, now=now)
    renter_id = guest.renter_id if guest else _find_renter(renter_email)
    with bus.defer_dispatch():
        rental = _hold_period(
            rental_id=rental_id,
            item_id=item_id,
            by=by,
            as_operator=as_operator,
            renter_id=renter_id,
            guest=guest,
            starts_at=starts_at,
            ends_at=ends_at,
            expected_price=expected_price,
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


def _find_renter(email: str) -> UUID:
    renter = accounts.find_renter(email=email)
    if renter is None:
        raise RenterNotFoundError
    return renter.id


def _hold_period(
    *,
    rental_id: UUID,
    item_id: UUID,
    by: UUID,
    as_operator: bool,
    renter_id: UUID,
    guest: Guest | None,
    starts_at: datetime | None,
    ends_at: datetime | None,
    expected_price: int | None,
    now: datetime,
) -> Rental:
    """Hold the period and begin to pay, in one transaction. A rental that exists already is returned as it is."""
    rental: Rental | None = None
    try:
        with databases.transaction_for("rentals"):
            listing, is_manager_suspended = transitions.lock_listing(item_id=item_id)
            if by != listing.manager_id and not as_operator:
                raise NotTheManagerError
            existing, overdue = queries.find_existing_or_overdue(rental_id=rental_id, item_id=item_id, now=now)
            if existing:
                return existing
            start, end = domain.period(starts_at=starts_at, ends_at=ends_at, shortest=requesting.shortest(), now=now)
            requesting.check_listing(listing, is_manager_suspended=is_manager_suspended, overdue=overdue, renter_id=renter_id)
            rental = requesting.new_rental(rental_id, listing, renter_id=renter_id, starts_at=start, ends_at=end, now=now)
            domain.check_price(price=Money(rental.price, rental.currency), expected=expected_price)
            requested = transitions.fact_of(rental, RentalRequested, now=now)
            paying.begin_attempt(rental, operation_id=rental_id, in_cash=True)
            rental.version += 1
            transitions.insert(rental)
            if guest is not None:
                guest.save(force_insert=True)
            transitions.publish(requested)
            transitions.publish(transitions.fact_of(rental, RentalPaymentStarted, now=now, method=CASH))
    except IntegrityError as refused:
        if rental is None or requesting.NO_OVERLAP not in str(refused):
            raise
        raise requesting.refusal_of(rental, is_limited=False, now=now) from refused
    return rental
