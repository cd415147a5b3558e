"""The rules of a rental: its states, its period, its price."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from apps.rentals.errors import (
    ItemPausedError,
    ItemWithdrawnError,
    ManagerInactiveError,
    PeriodPastError,
    PeriodReversedError,
    PeriodTooFarError,
    PeriodTooShortError,
    PriceChangedError,
    ReturnBeforeHandoverError,
    ReturnInFutureError,
)
from gdmarket.money import Money

HOLD = timedelta(minutes=15)
"""How long a period is held for a renter who has not paid yet."""

TIME_TO_RETRY = timedelta(minutes=5)
"""The least time that a renter has to try again after the provider could not be asked."""

CANCELLED_PAYMENTS = 3
"""How many payments of a rental may be cancelled without cancelling the rental: each is a charge and a refund at the provider."""

FREE_CANCELLATION = timedelta(minutes=5)
"""A hold that was given up so soon was a mistake, and kept the item from nobody."""

DECLINES_COUNT_FOR = timedelta(hours=1)
"""For how long a declined card is counted."""

TIME_TO_UNDO = timedelta(minutes=15)
"""How long a return that was recorded by mistake can be undone."""

HORIZON = timedelta(days=365)
CLOCK_SKEW = timedelta(minutes=5)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)

LAST_TELLING_VERSION = 50
"""From this version on, a rental that tells of a changed item tells nothing more of it: its history does not grow for ever."""

TERMS = ("name", "description", "category", "place", "latitude", "longitude", "deposit")
"""What a rental agrees to beside its price and period: the item as it is when it is requested."""


class RentalState(StrEnum):
    """The state of a rental."""

    REQUESTED = "requested"
    PAYING = "paying"
    PAID = "paid"
    REFUNDING = "refunding"
    RENTED = "rented"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NO_SHOW = "no_show"


class RentalParty(StrEnum):
    """Who acts on a rental: one of its people, an operator, or the market itself, because the item was withdrawn."""

    RENTER = "renter"
    MANAGER = "manager"
    OPERATOR = "operator"
    SYSTEM = "system"


class RentalPaymentState(StrEnum):
    """The outcome of the latest attempt to pay a rental, as far as rentals knows."""

    PENDING = "pending"
    APPROVED = "approved"
    DECLINED = "declined"
    NOT_SENT = "not_sent"
    REFUNDED = "refunded"


NEXT: Mapping[RentalState, frozenset[RentalState]] = {
    RentalState.REQUESTED: frozenset({RentalState.PAYING, RentalState.CANCELLED, RentalState.EXPIRED}),
    RentalState.PAYING: frozenset(
        {RentalState.PAID, RentalState.REQUESTED, RentalState.REFUNDING, RentalState.CANCELLED, RentalState.EXPIRED}
    ),
    RentalState.PAID: frozenset({RentalState.RENTED, RentalState.REFUNDING, RentalState.NO_SHOW}),
    RentalState.REFUNDING: frozenset({RentalState.REQUESTED, RentalState.CANCELLED, RentalState.EXPIRED}),
    RentalState.RENTED: frozenset({RentalState.RETURNED}),
    RentalState.RETURNED: frozenset({RentalState.RENTED}),  # a return that is undone
    RentalState.CANCELLED: frozenset(),
    RentalState.EXPIRED: frozenset(),
    RentalState.NO_SHOW: frozenset({RentalState.REFUNDING}),  # the manager gives the money back after all
}

ABANDONED = (RentalState.CANCELLED, RentalState.EXPIRED)
"""The states of a rental that came to nothing."""

HOLDING = (RentalState.REQUESTED, RentalState.PAYING, RentalState.PAID, RentalState.REFUNDING, RentalState.RENTED)
"""The states in which a rental that is not over holds its period, and its item. `closed_at` says that it is over."""

NOT_HANDED_OVER = (RentalState.PAID, RentalState.NO_SHOW)
"""The states of a rental that is paid, and whose item the renter never had."""

REVOCABLE = (RentalState.REQUESTED, RentalState.PAYING, RentalState.PAID, RentalState.REFUNDING, RentalState.NO_SHOW)
"""The states in which a rental can be cancelled, at once or when money in flight has arrived."""

EXCLUSIVE_STATES = (*HOLDING, RentalState.NO_SHOW)
"""The states whose periods the database keeps apart. A period that ended in a no-show is past, and free from its end on."""


_GUEST_VERSION = 8
"""Of a UUID: for what its maker means by it. Those of people have version 7. Source: RFC 9562, section 5.8."""


def guest_id(*, rental_id: UUID) -> UUID:
    """Return the id under which a renter without an account has a rental: always the same, and that of nobody else."""
    return UUID(int=rental_id.int & ~(0xF << 76) | _GUEST_VERSION << 76)


def is_guest(*, renter_id: UUID) -> bool:
    """Return whether a renter has no account."""
    return renter_id.version == _GUEST_VERSION


def period(*, starts_at: datetime | None, ends_at: datetime | None, shortest: timedelta, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open period that a renter requests, in whole seconds; by default from now, and for one day.

    Fractions of a second are cut off. One that starts now may be shorter by as much as a renter's clock may be wrong.
    :raises PeriodPastError: if it is over, or starts before now by more than a renter's clock may be wrong
    :raises PeriodReversedError: if it ends no later than it starts
    :raises PeriodTooShortError: if it is shorter than `shortest`
    :raises PeriodTooFarError: if it ends more than a year from now
    """
    start = (starts_at or now).replace(microsecond=0)
    if start > now + HORIZON:
        raise PeriodTooFarError
    end = ends_at.replace(microsecond=0) if ends_at else start + max(DAY, shortest)
    if ends_at is not None and ends_at <= (starts_at or start):
        raise PeriodReversedError
    if start < (now - CLOCK_SKEW).replace(microsecond=0) or end <= now:
        raise PeriodPastError
    if end - start + (timedelta() if starts_at else CLOCK_SKEW) < shortest:
        raise PeriodTooShortError(shortest_s=int(shortest.total_seconds()))
    if end > now + HORIZON:
        raise PeriodTooFarError
    return start, end


def blocked_period(*, starts_at: datetime, ends_at: datetime, now: datetime) -> tuple[datetime, datetime]:
    """Return the half-open period that a manager blocks, in whole seconds. It may have begun.

    :raises PeriodReversedError: if it ends no later than it starts
    :raises PeriodPastError: if it is over
    :raises PeriodTooFarError: if it ends more than a year from now
    """
    start, end = starts_at.replace(microsecond=0), ends_at.replace(microsecond=0)
    if end <= start:
        raise PeriodReversedError
    if end <= now:
        raise PeriodPastError
    if end > now + HORIZON:
        raise PeriodTooFarError
    return start, end


def price(*, daily_price: Money, starts_at: datetime, ends_at: datetime) -> Money:
    """Return the daily price once for every day that has started by the end of the half-open period, and for one at least.

    A day that has started by no more than a renter's clock may be wrong does not count.
    """
    started_days = max(1, -((starts_at - ends_at + CLOCK_SKEW) // DAY))
    return daily_price * started_days


def check_price(*, price: Money, expected: int | None) -> None:
    """Refuse another price than the renter expects, in minor units; None expects none.

    :raises PriceChangedError: then, with the price as it is
    """
    if expected is not None and price.amount != expected:
        raise PriceChangedError(price=price.amount, currency=price.currency)


def check_offered(*, is_withdrawn: bool, is_paused: bool, is_manager_suspended: bool) -> None:
    """Refuse an item that nobody can rent now, whatever the period.

    :raises ItemWithdrawnError, ItemPausedError, ManagerInactiveError: then; the first of them
    """
    if is_withdrawn:
        raise ItemWithdrawnError
    if is_paused:
        raise ItemPausedError
    if is_manager_suspended:
        raise ManagerInactiveError


def changed_terms(*, agreed: object, current: object) -> list[str]:
    """Return the names of the terms in which two versions of an item differ."""
    return [name for name in TERMS if getattr(agreed, name) != getattr(current, name)]


def tells_of_changes(*, version: int, is_changed: bool) -> bool:
    """Return whether a rental at `version` tells of another change of its item, where it says already whether the item is changed.

    After very many versions a rental that says so goes on saying so, even if the item is changed back.
    """
    return version < LAST_TELLING_VERSION or not is_changed


def shows_place(*, state: str) -> bool:
    """Return whether the renter sees exactly where the item is: from the payment on, unless the money goes back."""
    return state in {RentalState.PAID, RentalState.RENTED, RentalState.RETURNED, RentalState.NO_SHOW}


def shows_contact(*, renter_id: UUID, state: str) -> bool:
    """Return whether the manager sees how to reach the renter: a guest always, others from the payment on unless the money goes back."""
    return is_guest(renter_id=renter_id) or shows_place(state=state)


def is_overdue(*, state: str, ends_at: datetime, now: datetime) -> bool:
    """Return whether the item should have been returned by now and was not."""
    return state == RentalState.RENTED and ends_at <= now


def next_free(
    *, taken: Iterable[tuple[datetime, datetime]], starts_at: datetime, lasting: timedelta, now: datetime
) -> tuple[datetime, datetime] | None:
    """Return the first period from `starts_at` on, and not before now, that lasts as long and lies between those in `taken`.

    `taken` are half-open periods sorted by start. The period returned can be requested as it stands; None if it would end too far ahead.
    """
    free_from = _whole_second(max(starts_at, now))
    for taken_from, taken_to in taken:
        if taken_from >= free_from + lasting:
            break
        free_from = max(free_from, _whole_second(taken_to))
    return (free_from, free_from + lasting) if free_from + lasting <= now + HORIZON else None


def returned_at(*, stated: datetime | None, handed_over_at: datetime, now: datetime) -> datetime:
    """Return when an item came back, as its manager states it; now if not stated, or stated later by no more than a clock may be wrong.

    :raises ReturnInFutureError: if it is later
    :raises ReturnBeforeHandoverError: if it is before the handover
    """
    if stated is None or now < stated <= now + CLOCK_SKEW:
        return now
    if stated > now:
        raise ReturnInFutureError
    if stated < handed_over_at:
        raise ReturnBeforeHandoverError
    return stated


def _whole_second(instant: datetime) -> datetime:
    """Return the first whole second that is not before an instant."""
    return instant if not instant.microsecond else instant.replace(microsecond=0) + SECOND


def prolonged(*, due_at: datetime, retry_after_s: float, now: datetime) -> datetime:
    """Return the new end of a hold that cannot be paid for `retry_after_s` seconds: as much later, and late enough to try again.

    A hold that is prolonged repeatedly never ends later than a new one would after the wait.
    """
    wait = timedelta(seconds=retry_after_s)
    longest = now + wait + HOLD
    return max(due_at, min(due_at + wait, longest), now + TIME_TO_RETRY)


@dataclass(frozen=True, kw_only=True, slots=True)
class AbandonedHold:
    """A rental that came to nothing; `unpaid_for` is for how long it held its period unpaid."""

    requested_at: datetime
    closed_at: datetime
    unpaid_for: timedelta


def may_hold_again_at(*, abandoned: Sequence[AbandonedHold], at_most: int) -> datetime:
    """Return from when on a renter may hold an item again that they held and gave up within a day, in one or more holds.

    The item is first left to others for as long as it was held the last time, but for a mistake that was corrected soon; and after
    `at_most` holds, until the first of them is a day ago.
    """
    last = max(abandoned, key=lambda hold: hold.closed_at)
    others_until = last.closed_at + (last.unpaid_for if last.unpaid_for > FREE_CANCELLATION else timedelta())
    counted = sorted(hold.requested_at for hold in abandoned)[-at_most:]
    return max(others_until, counted[0] + DAY) if len(counted) == at_most else others_until


def next_attempt_at(*, declined_at: Sequence[datetime], at_most: int, now: datetime) -> datetime | None:
    """Return from when on another card may be tried after these declines, or None if one may be tried now."""
    counted = sorted(at for at in declined_at if at > now - DECLINES_COUNT_FOR)
    return counted[-at_most] + DECLINES_COUNT_FOR if len(counted) >= at_most else None
