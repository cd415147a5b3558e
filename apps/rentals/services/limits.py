"""How much a renter may hold without paying, and how many payments may be declined: counted under one lock, across all processes."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import UUIDField

from apps.rentals import domain, queries
from apps.rentals.domain import RentalState
from apps.rentals.errors import (
    HoldAgainLaterError,
    ItemHeldUnpaidError,
    TooManyCancelledError,
    TooManyDeclinesError,
    TooManyUnpaidHoldsError,
)
from apps.rentals.models import Rental, Renter
from apps.rentals.services import transitions
from gdmarket.prepared import Param, Prepared
from gdmarket.prepared_writes import PreparedInsert

_RENTER = Prepared(Renter.objects.select_for_update(no_key=True).filter(renter_id=Param("renter_id", UUIDField())))
_INSERT = PreparedInsert(Renter, unless_taken=True)


def lock_renter(*, renter_id: UUID) -> Renter:
    """Return rentals' row of a renter, made if needed and locked until the end of the transaction.

    It is locked after a listing and its rental, never before them: one order, so no deadlock.
    """
    renter = _RENTER.first(renter_id=renter_id)
    if renter is None:
        _INSERT.run(Renter(renter_id=renter_id))
        renter = Renter.objects.select_for_update(no_key=True).get(renter_id=renter_id)
    return renter


def check_request(rental: Rental, *, pays: bool, now: datetime) -> None:
    """Refuse a rental that was just inserted if it is one unpaid hold too many, or if it is to be paid at once and no card may be tried.

    Locks the renter.
    :raises ItemHeldUnpaidError: if the renter already holds the item unpaid, for another period
    :raises TooManyUnpaidHoldsError: if as many of the renter's rentals as are allowed wait to be paid already
    :raises HoldAgainLaterError: if the renter held the item within a day and gave it up, too short a time ago or too often
    :raises TooManyCancelledError: if the renter cancelled as many paid rentals within a day as are allowed
    :raises TooManyDeclinesError: as `check_declines` does
    """
    renter = lock_renter(renter_id=rental.renter_id)
    if pays:
        check_declines(rental, renter=renter, now=now)
    check_holds(rental, now=now)


def check_holds(rental: Rental, *, now: datetime) -> None:
    """Refuse a rental that is one unpaid hold too many. What is decided by it is read under the renter's lock.

    :raises ItemHeldUnpaidError, TooManyUnpaidHoldsError, HoldAgainLaterError, TooManyCancelledError: then, as `check_request`
    """
    competing = queries.list_competing_holds(renter_id=rental.renter_id, item_id=rental.item_id, but=rental.id, now=now)
    unpaid = [other for other in competing if other.state not in domain.ABANDONED]
    _check_item(rental, competing=competing, now=now)
    if _is_too_many(unpaid):
        raise TooManyUnpaidHoldsError(limit=settings.GDMARKET_UNPAID_HOLDS, rentals=[str(other.id) for other in unpaid])
    _check_cancelled(rental, now=now)


def can_hold_unpaid(rental: Rental, *, now: datetime) -> bool:
    """Return whether a paid rental may hold its period unpaid again: with time left, and not too often, nor as one hold too many.

    Call it under the renter's lock.
    """
    is_late = transitions.hold_limit(rental) - (rental.paid_at or now) < domain.TIME_TO_RETRY
    if is_late or (rental.cancelled_payments or 0) >= domain.CANCELLED_PAYMENTS:
        return False
    competing = queries.list_competing_holds(renter_id=rental.renter_id, item_id=rental.item_id, but=rental.id, now=now)
    return not _is_too_many([other for other in competing if other.state not in domain.ABANDONED])


def check_declines(rental: Rental, *, renter: Renter, now: datetime) -> None:
    """Refuse another attempt to pay, by the renter or for the rental, after too many declined ones. Call it under the renter's lock.

    Attempts in flight count for the renter, as each may be declined.
    :raises TooManyDeclinesError: then
    """
    declines = [(UUID(of), datetime.fromisoformat(at)) for of, at in renter.declines]
    if not declines:
        return
    in_flight = Rental.objects.filter(renter_id=renter.renter_id, state=RentalState.PAYING).exclude(id=rental.id).count()
    by_renter = [at for _, at in declines] + [now] * in_flight
    of_rental = [at for of, at in declines if of == rental.id]
    limits = ((of_rental, settings.GDMARKET_DECLINES_PER_RENTAL), (by_renter, settings.GDMARKET_DECLINES_PER_RENTER))
    waits = [domain.next_attempt_at(declined_at=declined_at, at_most=at_most, now=now) for declined_at, at_most in limits if at_most]
    again_at = max(filter(None, waits), default=None)
    if again_at is not None:
        raise TooManyDeclinesError(retry_after_s=(again_at - now).total_seconds())


def count_decline(rental: Rental, *, now: datetime) -> None:
    """Count that a payment of the rental was declined; declines that count no more are forgotten. Locks the renter."""
    renter = lock_renter(renter_id=rental.renter_id)
    since = now - domain.DECLINES_COUNT_FOR
    counted = [[of, at] for of, at in renter.declines if datetime.fromisoformat(at) > since]
    renter.declines = [*counted, [str(rental.id), now.isoformat()]]
    renter.save(update_fields=["declines"])


def _is_too_many(unpaid: Sequence[Rental]) -> bool:
    at_most: int = settings.GDMARKET_UNPAID_HOLDS
    return 0 < at_most <= len(unpaid)


def _check_item(rental: Rental, *, competing: Sequence[Rental], now: datetime) -> None:
    at_most: int = settings.GDMARKET_UNPAID_HOLDS_PER_ITEM
    of_item = [other for other in competing if other.item_id == rental.item_id] if at_most else []
    held = next((other for other in of_item if other.state not in domain.ABANDONED), None)
    if held is not None:
        raise ItemHeldUnpaidError(rental=str(held.id))
    if of_item:
        again_at = domain.may_hold_again_at(abandoned=[_abandoned(other, now=now) for other in of_item], at_most=at_most)
        if again_at > now:
            raise HoldAgainLaterError(retry_after_s=(again_at - now).total_seconds())


def _check_cancelled(rental: Rental, *, now: datetime) -> None:
    at_most: int = settings.GDMARKET_CANCELLED_PAYMENTS
    cancelled = queries.list_cancelled_payments(renter_id=rental.renter_id, now=now) if at_most else []
    if 0 < at_most <= len(cancelled):
        again_at = cancelled[-at_most] + domain.DAY
        raise TooManyCancelledError(limit=at_most, retry_after_s=(again_at - now).total_seconds())


def _abandoned(rental: Rental, *, now: datetime) -> domain.AbandonedHold:
    closed_at = rental.closed_at or now
    if rental.paid_at is None:
        closed_at = min(closed_at, rental.payment_due_at)  # its timer may have been late
    unpaid_for = min((rental.paid_at or closed_at) - rental.requested_at, transitions.longest_hold())
    is_excused = rental.state == RentalState.EXPIRED and rental.could_not_pay
    return domain.AbandonedHold(requested_at=rental.requested_at, closed_at=closed_at, unpaid_for=timedelta() if is_excused else unpaid_for)
