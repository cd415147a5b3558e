"""The rules of a rental."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.rentals import domain
from apps.rentals.domain import HOLDING, NEXT, RentalState
from apps.rentals.errors import PeriodPastError, PeriodReversedError, PeriodTooFarError
from gdmarket.money import Money

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_a_period_is_one_day_from_now_unless_told_otherwise() -> None:
    assert domain.period(starts_at=None, ends_at=None, now=NOON) == (NOON, NOON + DAY)
    assert domain.period(starts_at=NOON + HOUR, ends_at=None, now=NOON) == (NOON + HOUR, NOON + HOUR + DAY)
    assert domain.period(starts_at=None, ends_at=NOON + HOUR, now=NOON) == (NOON, NOON + HOUR)


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "refusal"),
    [
        (NOON + DAY, NOON + DAY, PeriodReversedError),
        (NOON + DAY, NOON + HOUR, PeriodReversedError),
        (NOON - HOUR, NOON + HOUR, PeriodPastError),
        (NOON - timedelta(minutes=4), NOON, PeriodPastError),
        (NOON, NOON + 366 * DAY, PeriodTooFarError),
        (NOON + 364 * DAY, NOON + 366 * DAY, PeriodTooFarError),
        (datetime.max.replace(tzinfo=UTC), None, PeriodTooFarError),
        (datetime.min.replace(tzinfo=UTC), None, PeriodPastError),
    ],
)
def test_a_period_that_cannot_be_is_refused(starts_at: datetime, ends_at: datetime | None, refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        domain.period(starts_at=starts_at, ends_at=ends_at, now=NOON)


def test_a_renters_clock_may_be_a_little_slow() -> None:
    assert domain.period(starts_at=NOON - timedelta(minutes=5), ends_at=None, now=NOON)[0] == NOON - timedelta(minutes=5)


@pytest.mark.parametrize(
    ("lasting", "days"),
    [
        (timedelta(microseconds=1), 1),
        (HOUR, 1),
        (DAY, 1),
        (DAY + timedelta(microseconds=1), 2),
        (2 * DAY, 2),
        (365 * DAY, 365),
    ],
)
def test_every_started_day_costs_the_daily_price(lasting: timedelta, days: int) -> None:
    assert domain.price(daily_price=Money(8_000, "KRW"), starts_at=NOON, ends_at=NOON + lasting) == Money(8_000 * days, "KRW")


def test_the_next_free_period_lies_in_the_first_gap_that_is_long_enough() -> None:
    taken = [(NOON, NOON + DAY), (NOON + DAY + HOUR, NOON + 2 * DAY), (NOON + 4 * DAY, NOON + 5 * DAY)]

    assert domain.next_free_start(taken=taken, starts_at=NOON, lasting=HOUR) == NOON + DAY
    assert domain.next_free_start(taken=taken, starts_at=NOON, lasting=2 * HOUR) == NOON + 2 * DAY
    assert domain.next_free_start(taken=taken, starts_at=NOON, lasting=3 * DAY) == NOON + 5 * DAY
    assert domain.next_free_start(taken=[], starts_at=NOON, lasting=DAY) == NOON


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
