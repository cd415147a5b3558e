"""The rules of a rental."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.rentals import domain
from apps.rentals.domain import HOLDING, NEXT, RentalState
from apps.rentals.errors import (
    PeriodPastError,
    PeriodReversedError,
    PeriodTooFarError,
    PeriodTooShortError,
    ReturnBeforeHandoverError,
    ReturnInFutureError,
)
from gdmarket.money import Money

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def period(starts_at: datetime | None, ends_at: datetime | None, *, shortest: timedelta = HOUR) -> tuple[datetime, datetime]:
    return domain.period(starts_at=starts_at, ends_at=ends_at, shortest=shortest, now=NOON)


def test_a_period_is_one_day_from_now_unless_told_otherwise() -> None:
    assert period(None, None) == (NOON, NOON + DAY)
    assert period(NOON + HOUR, None) == (NOON + HOUR, NOON + HOUR + DAY)
    assert period(None, NOON + HOUR) == (NOON, NOON + HOUR)
    assert period(None, None, shortest=2 * DAY) == (NOON, NOON + 2 * DAY)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "refusal"),
    [
        (NOON + DAY, NOON + DAY, PeriodReversedError),
        (NOON + DAY, NOON + HOUR, PeriodReversedError),
        (NOON - HOUR, NOON + HOUR, PeriodPastError),
        (NOON - timedelta(minutes=4), NOON, PeriodPastError),
        (NOON, NOON + timedelta(microseconds=1), PeriodPastError),
        (NOON, NOON + 366 * DAY, PeriodTooFarError),
        (NOON + 364 * DAY, NOON + 366 * DAY, PeriodTooFarError),
        (datetime.max.replace(tzinfo=UTC), None, PeriodTooFarError),
        (datetime.min.replace(tzinfo=UTC), None, PeriodPastError),
    ],
)
def test_a_period_that_cannot_be_is_refused(starts_at: datetime, ends_at: datetime | None, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        period(starts_at, ends_at)


def test_a_renters_clock_may_be_a_little_slow() -> None:
    assert period(NOON - timedelta(minutes=5), None)[0] == NOON - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        (NOON + DAY + timedelta(microseconds=1), NOON + DAY + timedelta(microseconds=2)),
        (NOON + DAY, NOON + DAY + HOUR - SECOND),
        (None, NOON + HOUR - timedelta(minutes=5) - SECOND),
    ],
)
def test_nobody_rents_for_less_than_the_shortest_time(starts_at: datetime | None, ends_at: datetime) -> None:
    with pytest.raises(PeriodTooShortError):
        period(starts_at, ends_at)


def test_an_hour_from_now_by_a_clock_that_is_slow_is_an_hour() -> None:
    assert period(None, NOON + HOUR - timedelta(seconds=2)) == (NOON, NOON + HOUR - timedelta(seconds=2))


def test_a_period_is_in_whole_seconds() -> None:
    half = timedelta(milliseconds=500)
    assert period(NOON + HOUR + half, NOON + 2 * HOUR + half) == (NOON + HOUR, NOON + 2 * HOUR)
    assert domain.period(starts_at=None, ends_at=None, shortest=HOUR, now=NOON + half) == (NOON, NOON + DAY)


@pytest.mark.parametrize(
    ("lasting", "days"),
    [
        (timedelta(microseconds=1), 1),
        (HOUR, 1),
        (DAY, 1),
        (DAY + timedelta(seconds=2), 1),
        (DAY + timedelta(minutes=5), 1),
        (DAY + timedelta(minutes=5, seconds=1), 2),
        (2 * DAY, 2),
        (2 * DAY + timedelta(minutes=5), 2),
        (365 * DAY, 365),
    ],
)
def test_every_started_day_costs_the_daily_price_but_for_what_a_fast_clock_adds(lasting: timedelta, days: int) -> None:
    assert domain.price(daily_price=Money(8_000, "KRW"), starts_at=NOON, ends_at=NOON + lasting) == Money(8_000 * days, "KRW")


def next_free(taken: list[tuple[datetime, datetime]], lasting: timedelta) -> datetime:
    free = domain.next_free(taken=taken, starts_at=NOON, lasting=lasting, now=NOON)
    assert free is not None
    assert free[1] - free[0] == lasting
    return free[0]


def test_the_next_free_period_lies_in_the_first_gap_that_is_long_enough() -> None:
    taken = [(NOON, NOON + DAY), (NOON + DAY + HOUR, NOON + 2 * DAY), (NOON + 4 * DAY, NOON + 5 * DAY)]

    assert next_free(taken, HOUR) == NOON + DAY
    assert next_free(taken, 2 * HOUR) == NOON + 2 * DAY
    assert next_free(taken, 3 * DAY) == NOON + 5 * DAY
    assert next_free([], DAY) == NOON


def test_the_next_free_period_can_be_requested_as_it_stands() -> None:
    odd = NOON + DAY + timedelta(microseconds=1)
    assert next_free([(NOON, odd)], HOUR) == NOON + DAY + SECOND
    assert domain.next_free(taken=[], starts_at=NOON - timedelta(minutes=5), lasting=HOUR, now=NOON) == (NOON, NOON + HOUR)
    assert next_free([(NOON, NOON + 365 * DAY - HOUR)], HOUR) == NOON + 365 * DAY - HOUR
    assert domain.next_free(taken=[(NOON, NOON + 365 * DAY - HOUR)], starts_at=NOON, lasting=HOUR + SECOND, now=NOON) is None


def test_an_item_came_back_between_its_handover_and_now() -> None:
    def returned_at(stated: datetime | None) -> datetime:
        return domain.returned_at(stated=stated, handed_over_at=NOON, now=NOON + DAY)

    assert returned_at(None) == NOON + DAY
    assert returned_at(NOON) == NOON
    assert returned_at(NOON + HOUR) == NOON + HOUR
    assert returned_at(NOON + DAY + SECOND) == NOON + DAY  # a clock that is fast
    with pytest.raises(ReturnInFutureError):
        returned_at(NOON + DAY + HOUR)
    with pytest.raises(ReturnBeforeHandoverError):
        returned_at(NOON - SECOND)


def test_a_hold_is_prolonged_by_the_wait_and_never_without_end() -> None:
    due_at = NOON + timedelta(minutes=10)
    assert domain.prolonged(due_at=due_at, retry_after_s=60, now=NOON) == due_at + timedelta(minutes=1)
    for _ in range(100):
        due_at = domain.prolonged(due_at=due_at, retry_after_s=60, now=NOON)
    assert due_at == NOON + timedelta(minutes=16)


def test_a_hold_that_has_run_out_meanwhile_leaves_time_to_try_again() -> None:
    assert domain.prolonged(due_at=NOON - HOUR, retry_after_s=0, now=NOON) == NOON + timedelta(minutes=5)


def test_every_state_can_end_and_what_is_over_holds_no_period() -> None:
    over = {RentalState.RETURNED, RentalState.CANCELLED, RentalState.EXPIRED, RentalState.NO_SHOW}
    assert set(HOLDING) == set(RentalState) - over
    for state in HOLDING:
        reached: set[RentalState] = set()
        todo = {state}
        while todo:
            reached |= todo
            todo = {following for one in todo for following in NEXT[one]} - reached
        assert reached & over, state


def test_a_rental_is_overdue_from_the_moment_its_period_ended() -> None:
    assert domain.is_overdue(state=RentalState.RENTED, ends_at=NOON, now=NOON)
    assert not domain.is_overdue(state=RentalState.RENTED, ends_at=NOON, now=NOON - timedelta(microseconds=1))
    assert not domain.is_overdue(state=RentalState.RETURNED, ends_at=NOON, now=NOON + DAY)
