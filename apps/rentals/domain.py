"""The rules of a rental: its states, its period, its price."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from apps.rentals.errors import PeriodPastError, PeriodReversedError, PeriodTooFarError
from gdmarket.money import Money

HOLD = timedelta(minutes=15)
"""How long a period is held for a renter who has not paid yet."""

TIME_TO_RETRY = timedelta(minutes=5)
"""What a renter has at least, to try again after the provider could not be asked."""

HORIZON = timedelta(days=365)
CLOCK_SKEW = timedelta(minutes=5)
DAY = timedelta(days=1)


class RentalState(StrEnum):
    """Where a rental stands."""

    REQUESTED = "requested"
    PAYING = "paying"
    PAID = "paid"
    REFUNDING = "refunding"
    RENTED = "rented"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class RentalPaymentState(StrEnum):
    """How the latest attempt to pay a rental turned out, as far as rentals has heard."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REFUNDED = "refunded"


NEXT: Mapping[RentalState, frozenset[RentalState]] = {
    RentalState.REQUESTED: frozenset({RentalState.PAYING, RentalState.CANCELLED, RentalState.EXPIRED}),
    RentalState.PAYING: frozenset({RentalState.PAID, RentalState.REQUESTED, RentalState.REFUNDING, RentalState.CANCELLED}),
    RentalState.PAID: frozenset({RentalState.RENTED, RentalState.REFUNDING}),
    RentalState.REFUNDING: frozenset({RentalState.REQUESTED, RentalState.CANCELLED}),
    RentalState.RENTED: frozenset({RentalState.RETURNED}),
    RentalState.RETURNED: frozenset(),
    RentalState.CANCELLED: frozenset(),
    RentalState.EXPIRED: frozenset(),
}

HOLDING = tuple(state for state, following in NEXT.items() if following)
"""The states that keep the period from everyone else: all that are not an end."""


def period(*, starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open period a renter asks for: from now, and for one day, unless told otherwise.

    :raises PeriodPastError: if it is over, or starts before now, beyond the skew that a renter's clock may have
    :raises PeriodReversedError: if it ends no later than it starts
    :raises PeriodTooFarError: if it ends more than a year from now
    """
    start = starts_at or now
    if start < now - CLOCK_SKEW:
        raise PeriodPastError
    if start > now + HORIZON:
        raise PeriodTooFarError
    end = ends_at or start + DAY
    if end <= start:
        raise PeriodReversedError
    if end <= now:
        raise PeriodPastError
    if end > now + HORIZON:
        raise PeriodTooFarError
    return start, end


def price(*, daily_price: Money, starts_at: datetime, ends_at: datetime) -> Money:
    """Return the daily price once for every day that has started by the end of the half-open period."""
    started_days = -((starts_at - ends_at) // DAY)
    return daily_price * started_days


def is_overdue(*, state: str, ends_at: datetime, now: datetime) -> bool:
    """Say whether the item should be back by now and is not."""
    return state == RentalState.RENTED and ends_at <= now


def next_free_start(*, taken: Iterable[tuple[datetime, datetime]], starts_at: datetime, lasting: timedelta) -> datetime:
    """Return the first moment from `starts_at` on at which `lasting` fits between the half-open periods in `taken`, sorted by start."""
    free_from = starts_at
    for taken_from, taken_to in taken:
        if taken_from >= free_from + lasting:
            break
        free_from = max(free_from, taken_to)
    return free_from


def prolonged(*, due_at: datetime, retry_after_s: float, now: datetime) -> datetime:
    """Return until when a hold lasts that could not be paid for `retry_after_s`: as much longer, and enough to try again.

    A hold that is prolonged over and over never reaches further than a fresh one would after the wait.
    """
    wait = timedelta(seconds=retry_after_s)
    longest = now + wait + HOLD
    return max(due_at, min(due_at + wait, longest), now + TIME_TO_RETRY)
