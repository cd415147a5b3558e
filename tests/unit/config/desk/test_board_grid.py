"""The grid of the board: where bars lie, what shares a line, and what is free."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from config.desk.board_grid import MOST_LINES, PARTS, Bar, BoardDay, BoardWindow, Lines, lay_out

SEOUL = ZoneInfo("Asia/Seoul")
DAY = timedelta(days=1)
FIRST = date(2026, 12, 1)


def window(*, days: int = 3, first: date = FIRST, today: date = FIRST, zone: ZoneInfo = SEOUL) -> BoardWindow:
    shown = [first + number * DAY for number in range(days)]
    return BoardWindow(
        days=[BoardDay(on=on, weekday="", text=on.isoformat(), booking="", is_past=on < today, is_today=on == today) for on in shown],
        zone=zone,
    )


def at(day: int, hour: int, *, month: int = 12, zone: ZoneInfo = SEOUL) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=zone)


def bar(starts_at: datetime, ends_at: datetime, *, label: str = "Kim") -> Bar:
    return Bar(kind="paid", starts_at=starts_at, ends_at=ends_at, label=label, more="", address="/")


def laid(*bars: Bar, shown: BoardWindow | None = None, is_bookable: bool = True) -> Lines:
    return lay_out(bars=bars, window=shown or window(), is_bookable=is_bookable)


def spans(cells: Lines, *, line: int = 0) -> list[tuple[int, str]]:
    return [(cell.span, str(cell.bar.label) if cell.bar else "free" if cell.is_free else "") for cell in cells.lines[line]]


def free(cells: Lines) -> list[tuple[str, str]]:
    return [(cell.free_from, cell.free_to) for cell in cells.lines[0] if cell.is_free]


def test_an_item_that_nothing_keeps_is_free_day_by_day_but_in_the_past() -> None:
    cells = laid(shown=window(today=date(2026, 12, 2)))
    assert spans(cells) == [(PARTS, ""), (PARTS, "free"), (PARTS, "free")]
    assert free(cells) == [("2026-12-02", ""), ("2026-12-03", "")]


def test_today_is_where_it_is_behind_a_bar_over_several_days() -> None:
    shown = window(days=4, today=FIRST + DAY)
    across, within, before = bar(at(1, 12), at(4, 0)), bar(at(2, 6), at(2, 12)), bar(at(1, 0), at(2, 0))
    cells = [next(cell for cell in laid(each, shown=shown).lines[0] if cell.bar) for each in (across, within, before)]
    assert [(cell.span, list(cell.today)) for cell in cells] == [(10, [2, 3, 4, 5]), (1, [0]), (4, [])]


def test_no_empty_cell_goes_over_several_days() -> None:
    cells = laid(bar(at(1, 0), at(4, 0), label="late"), bar(at(2, 0), at(3, 0), label="next"))
    assert spans(cells, line=1) == [(4, ""), (4, "next"), (4, "")]
    several = laid(bar(at(1, 0), at(4, 0), label="late"), bar(at(1, 6), at(1, 12), label="next"))
    assert spans(several, line=1) == [(1, ""), (1, "next"), (2, ""), (4, ""), (4, "")]


def test_a_bar_takes_the_quarters_of_days_that_are_nearest_and_leaves_the_rest_of_these_days_free() -> None:
    cells = laid(bar(at(1, 10), at(2, 17)))
    assert spans(cells) == [(2, "free"), (5, "Kim"), (1, "free"), (4, "free")]
    assert free(cells) == [("2026-12-01", "2026-12-01T10:00"), ("2026-12-02T17:00", ""), ("2026-12-03", "")]


def test_what_comes_back_in_the_morning_and_goes_out_again_shows_both_in_one_line() -> None:
    cells = laid(bar(at(1, 10), at(2, 10), label="Kim"), bar(at(2, 10), at(3, 10), label="Lee"))
    assert len(cells.lines) == 1
    assert spans(cells) == [(2, "free"), (4, "Kim"), (4, "Lee"), (2, "free")]


def test_a_rental_of_an_hour_is_seen_and_the_day_around_it_can_be_booked() -> None:
    cells = laid(bar(at(2, 13), at(2, 14)))
    assert spans(cells) == [(4, "free"), (2, "free"), (1, "Kim"), (1, "free"), (4, "free")]
    assert free(cells)[1:3] == [("2026-12-02", "2026-12-02T13:00"), ("2026-12-02T14:00", "")]


def test_bars_that_overlap_get_a_line_each_and_what_does_not_fit_is_counted() -> None:
    bars = [bar(at(1, 9), at(3, 9), label=str(number)) for number in range(MOST_LINES + 2)]
    cells = laid(*bars)
    assert [spans(cells, line=number)[1][1] for number in range(len(cells.lines))] == ["0", "1", "2", "3"]
    assert cells.left_out == 2
    assert spans(cells, line=1) == [(2, ""), (8, "1"), (2, "")]


def test_a_day_is_not_free_where_a_bar_of_another_line_takes_it() -> None:
    cells = laid(bar(at(1, 0), at(2, 0), label="late"), bar(at(1, 0), at(3, 0), label="next"))
    assert spans(cells) == [(4, "late"), (4, ""), (4, "free")]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "cut", "span"),
    [
        (at(28, 10, month=11), at(2, 12), (True, False), 6),
        (at(2, 12), at(9, 10), (False, True), 6),
        (at(28, 10, month=11), at(9, 10), (True, True), 12),
        (at(1, 0), at(4, 0), (False, False), 12),
        (at(3, 23), at(4, 9), (False, True), 1),
        (at(30, 9, month=11), at(1, 1), (True, False), 1),
    ],
)
def test_what_goes_on_beyond_an_edge_is_cut_there(starts_at: datetime, ends_at: datetime, cut: tuple[bool, bool], span: int) -> None:
    cell = next(cell for cell in laid(bar(starts_at, ends_at)).lines[0] if cell.bar)
    assert (cell.is_cut_before, cell.is_cut_after, cell.span) == (*cut, span)


@pytest.mark.parametrize(("starts_at", "ends_at"), [(at(30, 9, month=11), at(1, 0)), (at(4, 0), at(5, 0))])
def test_what_ends_at_the_first_midnight_or_begins_at_the_last_is_not_there(starts_at: datetime, ends_at: datetime) -> None:
    assert spans(laid(bar(starts_at, ends_at))) == [(PARTS, "free")] * 3


def test_a_day_is_that_of_the_time_zone() -> None:
    bars = [bar(at(2, 0), at(3, 0))]
    assert spans(laid(*bars)) == [(4, "free"), (4, "Kim"), (4, "free")]
    honolulu = window(zone=ZoneInfo("Pacific/Honolulu"))  # there it is 19 hours earlier
    assert spans(laid(*bars, shown=honolulu)) == [(1, "free"), (4, "Kim"), (3, "free"), (4, "free")]


def test_what_goes_on_across_the_end_of_a_month_and_a_year_is_one_bar() -> None:
    shown = window(first=date(2026, 12, 30), days=4, today=date(2026, 12, 30))
    ends_at = datetime(2027, 1, 2, 0, tzinfo=SEOUL)
    assert spans(laid(bar(at(31, 0), ends_at), shown=shown)) == [(4, "free"), (8, "Kim"), (4, "free")]


def test_an_item_that_cannot_be_booked_has_no_free_day() -> None:
    assert free(laid(is_bookable=False)) == []


def test_a_minute_that_has_begun_is_not_offered() -> None:
    cells = laid(bar(at(1, 0), at(1, 12) + timedelta(seconds=20)))
    assert free(cells)[0] == ("2026-12-01T12:01", "")


def test_every_line_has_as_many_columns_as_the_window() -> None:
    bars = [bar(at(1, hour), at(1 + hour % 3, hour) + timedelta(hours=7)) for hour in range(0, 24, 5)]
    assert {sum(cell.span for cell in line) for line in laid(*bars).lines} == {3 * PARTS}
