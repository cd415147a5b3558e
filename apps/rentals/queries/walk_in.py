"""What is asked before an item is booked at the desk: whose it is, and what a walk-in would cost."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from apps.rentals import domain, queries
from apps.rentals.errors import ListingNotFoundError, NotTheManagerError, PeriodTakenError
from apps.rentals.models import Listing
from gdmarket.money import Money


@dataclass(frozen=True, kw_only=True, slots=True)
class WalkInQuote:
    """The half-open period as it would be booked, and its price."""

    starts_at: datetime
    ends_at: datetime
    price: Money


def get_own_listing(*, item_id: UUID, by: UUID) -> Listing:
    """Return a manager's listing.

    :raises ListingNotFoundError: if rentals has no listing of the item
    :raises NotTheManagerError: if the item is another manager's
    """
    listing = Listing.objects.filter(item_id=item_id).first()
    if listing is None:
        raise ListingNotFoundError
    if listing.manager_id != by:
        raise NotTheManagerError
    return listing


def quote_walk_in(*, item_id: UUID, by: UUID, starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> WalkInQuote:
    """Return the price of a period that is free as far as can be seen: only booking it holds it.

    :raises ListingNotFoundError, NotTheManagerError: as `get_own_listing` does
    :raises ItemWithdrawnError, ItemPausedError, ManagerInactiveError: if the item was withdrawn or is paused, or its manager is suspended
    :raises PeriodTakenError: if a rental keeps the item in a part of the period, or is overdue with it
    :raises InvalidError: if the period is reversed, past, too short or too far ahead
    """
    listing = get_own_listing(item_id=item_id, by=by)
    is_manager_suspended = queries.is_suspended(manager_id=by)
    domain.check_offered(is_withdrawn=listing.withdrawn, is_paused=bool(listing.paused), is_manager_suspended=is_manager_suspended)
    shortest = timedelta(seconds=settings.GDMARKET_SHORTEST_RENTAL_S)
    start, end = domain.period(starts_at=starts_at, ends_at=ends_at, shortest=shortest, now=now)
    out = queries.find_rental_out(item_id=item_id)
    if out is not None and domain.is_overdue(state=out.state, ends_at=out.ends_at, now=now):
        raise PeriodTakenError(next_free=None)
    taken = queries.list_periods_taken(item_id=item_id, after=start)
    if any(taken_from < end for taken_from, _taken_to in taken):
        free = domain.next_free(taken=taken, starts_at=start, lasting=max(end - start, shortest), now=now)
        raise PeriodTakenError(next_free={"starts_at": free[0], "ends_at": free[1]} if free else None)
    price = domain.price(daily_price=Money(listing.daily_price, listing.currency), starts_at=start, ends_at=end)
    return WalkInQuote(starts_at=start, ends_at=end, price=price)
