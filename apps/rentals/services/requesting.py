"""Requesting an item, and the expiry of what was not paid in time: the one place where double booking is refused."""

import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError

from apps.payments.contracts import CASH
from apps.rentals import domain, queries
from apps.rentals.domain import RentalState
from apps.rentals.errors import (
    AlreadyRentedError,
    AlreadyRequestedError,
    HoldAgainLaterError,
    ItemHeldUnpaidError,
    OwnItemError,
    PaymentUnavailableError,
    PeriodTakenError,
    TooManyCancelledError,
    TooManyUnpaidHoldsError,
)
from apps.rentals.events import PaymentDeadlinePassed, RentalExpired, RentalPaymentStarted, RentalRequested
from apps.rentals.models import Guest, Listing, Rental
from apps.rentals.queries import blocks
from apps.rentals.services import limits, paying, transitions
from gdmarket import bus, databases
from gdmarket.errors import ConflictError
from gdmarket.money import Money

_NO_OVERLAP = "rentals_no_overlap"


def request_rental(
    *,
    rental_id: UUID,
    item_id: UUID,
    renter_id: UUID,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    expected_price: int | None = None,
    method: str | None = None,
    now: datetime,
) -> Rental:
    """Request an item for a renter, and with `method` pay for it in the same call.

    The period is held for 15 minutes, but not beyond its end, until it is paid; it defaults to one day from now. Nothing is held if the
    provider never takes the price, for another price than `expected_price`, in minor units, or with `method` while payments are known to be
    unavailable. The same `rental_id` again returns the rental it made.
    :raises ListingNotFoundError: if rentals has no listing of the item
    :raises OwnItemError: if the renter is the item's manager
    :raises ItemWithdrawnError, ItemPausedError: if it was withdrawn, or its manager has paused it
    :raises ManagerInactiveError: if its manager is suspended
    :raises PriceChangedError: if the price is not the expected one
    :raises PeriodTakenError: if another renter holds a part of the period, or is overdue with the item, or its manager has blocked it
    :raises AlreadyRequestedError, AlreadyRentedError: if only this renter does
    :raises InvalidError: if the period is reversed, past, too short or too far ahead
    :raises AmountTooSmallError, AmountTooLargeError: if the provider never takes the price
    :raises TooManyUnpaidHoldsError, ItemHeldUnpaidError, HoldAgainLaterError: if the renter holds, or held, too much without paying
    :raises TooManyCancelledError: if the renter cancelled too many paid rentals of late
    :raises TooManyDeclinesError, PaymentDeclinedError, PaymentUnavailableError: as `pay_rental` does
    """
    began = time.monotonic()
    if method is not None:
        _check_payments(rental_id=rental_id, method=method)
    with bus.defer_dispatch():
        rental, payment_id = hold_period(
            rental_id=rental_id,
            item_id=item_id,
            renter_id=renter_id,
            starts_at=starts_at,
            ends_at=ends_at,
            expected_price=expected_price,
            method=method,
            now=now,
        )
        charged = paying.charge(rental, payment_id=payment_id, method=method, now=now) if method and payment_id else None
    if method is None:
        return rental
    if charged is None:
        return paying.pay_rental(rental_id=rental_id, by=renter_id, method=method, operation_id=rental_id, now=now)
    return paying.resolve_charge(*charged, at=now + timedelta(seconds=time.monotonic() - began))


def expire_unpaid(*, rental_id: UUID, due_at: datetime, now: datetime) -> None:
    """Expire a rental that was not paid by `due_at`; one whose hold was prolonged, or that was paid or has ended, is left unchanged."""
    with databases.transaction_for("rentals"):
        rental = transitions.lock_rental(rental_id=rental_id)
        if rental.state != RentalState.REQUESTED or rental.payment_due_at > due_at:
            return
        if queries.is_suspended(manager_id=rental.manager_id):
            rental.could_not_pay = True
        transitions.close(rental, to=RentalState.EXPIRED, fact=RentalExpired, wanted="expire", now=now)


def _check_payments(*, rental_id: UUID, method: str) -> None:
    """Refuse what is to be paid at once and cannot be, unless it is a repetition, which learns what its attempt came to."""
    paying.check_method(method=method)
    try:
        paying.check_available()
    except PaymentUnavailableError:
        if queries.find_rental(rental_id=rental_id) is None:
            raise


def hold_period(
    *,
    rental_id: UUID,
    item_id: UUID,
    renter_id: UUID,
    starts_at: datetime | None,
    ends_at: datetime | None,
    expected_price: int | None,
    method: str | None,
    guest: Guest | None = None,
    now: datetime,
) -> tuple[Rental, UUID | None]:
    """Hold the period, and with `method` begin to pay, in one transaction; return the rental, and the id of the attempt that was begun.

    What is paid in CASH is paid: neither what a renter may hold unpaid nor the provider's limits matter. A rental that exists already is
    returned as it is.
    :raises ListingNotFoundError, OwnItemError, ItemWithdrawnError, ItemPausedError, ManagerInactiveError: as `request_rental` does
    :raises PriceChangedError: the same
    :raises PeriodTakenError, AlreadyRequestedError, AlreadyRentedError, InvalidError, AmountTooSmallError, AmountTooLargeError: the same
    :raises TooManyUnpaidHoldsError, ItemHeldUnpaidError, HoldAgainLaterError, TooManyCancelledError, TooManyDeclinesError: the same
    """
    rental: Rental | None = None
    payment_id, is_blocked = None, False
    try:
        with databases.transaction_for("rentals"):
            listing, is_manager_suspended = transitions.lock_listing(item_id=item_id)
            existing, overdue = queries.find_existing_or_overdue(rental_id=rental_id, item_id=item_id, now=now)
            if existing:
                return existing, None
            start, end = domain.period(starts_at=starts_at, ends_at=ends_at, shortest=_shortest(), now=now)
            _check_listing(listing, is_manager_suspended=is_manager_suspended, overdue=overdue, renter_id=renter_id)
            rental = _new_rental(rental_id, listing, renter_id=renter_id, starts_at=start, ends_at=end, now=now)
            domain.check_price(price=Money(rental.price, rental.currency), expected=expected_price)
            is_blocked = blocks.is_blocked(listing=listing, starts_at=start, ends_at=end)
            if not is_blocked:
                payment_id = _insert(rental, method=method, guest=guest, now=now)
    except IntegrityError as refused:
        if rental is None or _NO_OVERLAP not in str(refused):
            raise
        raise _refusal_of(rental, is_limited=method != CASH, now=now) from refused
    if is_blocked:
        raise _refusal_of(rental, is_limited=method != CASH, now=now)
    return rental, payment_id


def _insert(rental: Rental, *, method: str | None, guest: Guest | None, now: datetime) -> UUID | None:
    """Insert a rental with the attempt to pay that begins, and publish both; return the attempt's id."""
    in_cash = method == CASH
    if not in_cash:
        paying.check_amount(rental)  # it reads settings alone
    requested = transitions.fact_of(rental, RentalRequested, now=now)
    payment_id = None
    if method is not None:
        payment_id = paying.begin_attempt(rental, operation_id=rental.id, in_cash=in_cash)
        rental.version += 1
    transitions.insert(rental)  # before the limits: a period that is taken is refused as that
    if guest is not None:
        guest.save(force_insert=True)
    if not in_cash:
        limits.check_request(rental, pays=method is not None, now=now)
    transitions.publish(requested)
    if not in_cash:
        transitions.schedule_timer(rental, PaymentDeadlinePassed, at=rental.payment_due_at, now=now)
    if method is not None:
        transitions.publish(transitions.fact_of(rental, RentalPaymentStarted, now=now, method=method))
    return payment_id


def _new_rental(rental_id: UUID, listing: Listing, *, renter_id: UUID, starts_at: datetime, ends_at: datetime, now: datetime) -> Rental:
    """Return a rental of a listing, not yet written, at the price of now."""
    price = domain.price(daily_price=Money(listing.daily_price, listing.currency), starts_at=starts_at, ends_at=ends_at)
    rental = Rental(
        id=rental_id,
        item_id=listing.item_id,
        item_name=listing.name,
        item_version=listing.version,
        renter_id=renter_id,
        manager_id=listing.manager_id,
        starts_at=starts_at,
        ends_at=ends_at,
        price=price.amount,
        currency=price.currency,
        hold_limit_at=now + transitions.longest_hold(),
        requested_at=now,
        version=1,
    )
    rental.payment_due_at = transitions.deadline(rental, wanted=now + domain.HOLD)
    return rental


def _check_listing(listing: Listing, *, is_manager_suspended: bool, overdue: Rental | None, renter_id: UUID) -> None:
    """Refuse what cannot be rented now, or not by this renter.

    :raises OwnItemError, ItemWithdrawnError, ItemPausedError, ManagerInactiveError: then, as `request_rental` does
    :raises PeriodTakenError, AlreadyRentedError: the same
    """
    if renter_id == listing.manager_id:
        raise OwnItemError
    domain.check_offered(is_withdrawn=listing.withdrawn, is_paused=bool(listing.paused), is_manager_suspended=is_manager_suspended)
    if overdue:
        raise _taken_by([overdue], renter_id=renter_id, next_free=None)


def _refusal_of(rental: Rental, *, is_limited: bool, now: datetime) -> ConflictError:
    """Return the refusal of a rental whose period is taken or blocked, with the next one that is free.

    With `is_limited`, that is only told who may hold it unpaid.
    """
    lasting = max(rental.ends_at - rental.starts_at, _shortest())
    taken = queries.list_periods_taken(item_id=rental.item_id, after=rental.starts_at)
    free = domain.next_free(taken=taken, starts_at=rental.starts_at, lasting=lasting, now=now)
    clashing = queries.list_clashing(rental=rental)
    next_free = {"starts_at": free[0], "ends_at": free[1]} if free and (not is_limited or _can_hold(rental, now=now)) else None
    return _taken_by(clashing, renter_id=rental.renter_id, next_free=next_free)


def _can_hold(rental: Rental, *, now: datetime) -> bool:
    try:
        limits.check_holds(rental, now=now)
    except (ItemHeldUnpaidError, TooManyUnpaidHoldsError, HoldAgainLaterError, TooManyCancelledError):
        return False
    return True


def _shortest() -> timedelta:
    """Return how long a period is at least."""
    return timedelta(seconds=settings.GDMARKET_SHORTEST_RENTAL_S)


def _taken_by(clashing: Sequence[Rental], *, renter_id: UUID, next_free: Mapping[str, datetime] | None) -> ConflictError:
    """Return the refusal of a period that these rentals hold: one of its own where the renter's own rentals alone are in the way."""
    if not clashing or any(rental.renter_id != renter_id for rental in clashing):
        return PeriodTakenError(next_free=next_free)
    own = next((rental for rental in clashing if rental.state == RentalState.RENTED), clashing[0])
    refusal = AlreadyRentedError if own.state == RentalState.RENTED else AlreadyRequestedError
    return refusal(rental=str(own.id), next_free=next_free)
