"""The grid of the board: which cells the bars of an item take, and which are free.

A day is four columns of six hours. Instants are rounded to the nearest: what ends when the next begins does not overlap it, so that an item
that comes back in the morning and goes out again has both bars in one line. Bars that do overlap get a line each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from functools import cached_property

from django.utils.functional import Promise

PARTS = 4
MOST_LINES = 4
"""How many lines an item has at most; what does not fit is counted."""

DAY = timedelta(days=1)
_PART, _MINUTE = DAY / PARTS, timedelta(minutes=1)
_SATURDAY = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Bar:
    """What keeps an item from `starts_at` to `ends_at`. `kind` says how it is drawn, `label` is written on it, `more` says the rest."""

    kind: str
    starts_at: datetime
    ends_at: datetime
    label: Promise | str
    more: str
    address: str


@dataclass(frozen=True, kw_only=True, slots=True)
class BoardDay:
    """A day of the board: `text` as forms and addresses write it, `booking` what a link to book it is called."""

    on: date
    weekday: str
    text: str
    booking: str
    is_past: bool
    is_today: bool

    @property
    def is_weekend(self) -> bool:
        """Whether it is a Saturday or Sunday."""
        return self.on.weekday() >= _SATURDAY


@dataclass(frozen=True, kw_only=True)
class BoardWindow:
    """The days that are shown, of a time zone."""

    days: Sequence[BoardDay]
    zone: tzinfo

    @cached_property
    def starts_at(self) -> datetime:
        """The first midnight."""
        return self.midnight(self.days[0].on)

    @cached_property
    def ends_at(self) -> datetime:
        """The midnight after the last day."""
        return self.midnight(self.days[-1].on + DAY)

    def midnight(self, on: date) -> datetime:
        """Return the instant at which a day begins."""
        return datetime.combine(on, time.min, tzinfo=self.zone)

    def columns_of(self, bar: Bar) -> tuple[int, int]:
        """Return the first column of a bar and the one after its last: one at least, within the window."""
        columns = PARTS * len(self.days)
        start = min(max(self._column_at(bar.starts_at), 0), columns - 1)
        return start, max(min(self._column_at(bar.ends_at), columns), start + 1)

    def today_between(self, start: int, end: int) -> range:
        """Return which of the columns from `start` to `end` are today's, counted from `start`."""
        first = next((number * PARTS for number, day in enumerate(self.days) if day.is_today), end)
        return range(max(first, start) - start, max(min(first + PARTS, end), start) - start)

    def _column_at(self, at: datetime) -> int:
        """Return the boundary of columns that is nearest to an instant, by the clock on the wall."""
        wall = at.astimezone(self.zone).replace(tzinfo=None)
        return (wall - datetime.combine(self.days[0].on, time.min) + _PART / 2) // _PART


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """Some columns of a line: a bar, a part of a day, or nothing. `today` are the columns of a bar's cell that are today's, if any are.

    An item that can be booked then `is_free`, from `free_from` on, which is the day or an instant of it. The next bar begins at `free_to`,
    where it begins on the same day.
    """

    span: int
    bar: Bar | None = None
    is_cut_before: bool = False
    is_cut_after: bool = False
    day: BoardDay | None = None
    ends_day: bool = False
    is_free: bool = False
    free_from: str = ""
    free_to: str = ""
    today: range = range(0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Lines:
    """The lines of an item, one at least, and how many bars did not fit."""

    lines: Sequence[Sequence[Cell]]
    left_out: int


def lay_out(*, bars: Sequence[Bar], window: BoardWindow, is_bookable: bool) -> Lines:
    """Place the bars of an item."""
    placed = [(*window.columns_of(bar), bar) for bar in bars if bar.starts_at < window.ends_at and bar.ends_at > window.starts_at]
    lines: list[list[tuple[int, int, Bar]]] = [[]]
    left_out = 0
    for start, end, bar in sorted(placed, key=lambda place: (place[0], place[2].starts_at, place[2].ends_at)):
        line = next((line for line in lines if not line or line[-1][1] <= start), None)
        if line is not None:
            line.append((start, end, bar))
        elif len(lines) < MOST_LINES:
            lines.append([(start, end, bar)])
        else:
            left_out += 1
    taken = {column for start, end, _ in placed for column in range(start, end)}
    days = _Days(window=window, bars=[bar for *_, bar in placed], taken=taken, is_bookable=is_bookable)
    cells = [list(_cells(line, window, days if number == 0 else None)) for number, line in enumerate(lines)]
    return Lines(lines=cells, left_out=left_out)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Days:
    """The days of an item, as far as no bar has `taken` their columns."""

    window: BoardWindow
    bars: Sequence[Bar]
    taken: set[int]
    is_bookable: bool

    def cell(self, number: int, start: int, end: int) -> Cell:
        """Return the cell of a part of a day."""
        day, ends_day = self.window.days[number], end % PARTS == 0
        columns = range(start, end)
        if not self.is_bookable or day.is_past or self.taken.issuperset(columns):
            return Cell(span=end - start, day=day, ends_day=ends_day)
        if end - start == PARTS and self.taken.isdisjoint(columns):
            return Cell(span=PARTS, day=day, ends_day=True, is_free=True, free_from=day.text)
        first, last = self.window.midnight(day.on), self.window.midnight(day.on + DAY)
        middle = first + (start + end - 2 * PARTS * number) / 2 * _PART
        before = max((bar.ends_at for bar in self.bars if first < bar.ends_at <= middle), default=None)
        then = min((bar.starts_at for bar in self.bars if middle <= bar.starts_at < last), default=None)
        return Cell(
            span=end - start,
            day=day,
            ends_day=ends_day,
            is_free=True,
            free_from=self._written(before) if before else day.text,
            free_to=self._written(then) if then else "",
        )

    def _written(self, at: datetime) -> str:
        """Return a whole minute as forms write it, the next one where it has begun."""
        begun = _MINUTE if at.second or at.microsecond else timedelta()
        return f"{at.astimezone(self.window.zone) + begun:%Y-%m-%dT%H:%M}"


def _cells(line: Sequence[tuple[int, int, Bar]], window: BoardWindow, days: _Days | None) -> Iterator[Cell]:
    """Yield the cells of a line: the first shows which days are free, the others their bars alone."""
    column = 0
    for start, end, bar in line:
        yield from _gap(column, start, days)
        yield Cell(
            span=end - start,
            bar=bar,
            is_cut_before=bar.starts_at < window.starts_at,
            is_cut_after=bar.ends_at > window.ends_at,
            today=window.today_between(start, end),
        )
        column = end
    yield from _gap(column, PARTS * len(window.days), days)


def _gap(start: int, end: int, days: _Days | None) -> Iterator[Cell]:
    while start < end:
        number = start // PARTS
        stop = min(end, (number + 1) * PARTS)
        yield days.cell(number, start, stop) if days else Cell(span=stop - start, ends_day=stop % PARTS == 0)
        start = stop
