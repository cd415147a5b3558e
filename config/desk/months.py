"""Months of the market's calendar: which are shown, which are chosen, and at which instants they begin and end."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from django.conf import settings

from gdmarket import clock

SHOWN = 12
FIRST_YEAR = 2000
_CHOICE = re.compile(r"(\d{4})(?:-(\d{2}))?", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """The months of a page: `shown`, twelve of them or those of this year so far, and of these `chosen`, one or all.

    Each is named by its first day.
    `text` is the choice as it stands in an address: `2026-11`, `2026`, or nothing for the last twelve months.
    """

    text: str
    shown: Sequence[date]
    chosen: Sequence[date]

    @property
    def is_month(self) -> bool:
        """Whether it is one month."""
        return "-" in self.text


def choose(text: str, *, now: datetime) -> Choice:
    """Return the months that a text chooses; the last twelve for one that is no month or year of the past."""
    this_month = clock.day_of(now).replace(day=1)
    last = [_after(this_month, number) for number in range(1 - SHOWN, 1)]
    found = _CHOICE.fullmatch(text)
    year, month = (int(found[1]), int(found[2] or 0)) if found else (0, 0)
    if not FIRST_YEAR <= year <= this_month.year or month > SHOWN:
        return Choice(text="", shown=last, chosen=last)
    months = [begin for number in range(1, SHOWN + 1) if (begin := date(year, number, 1)) <= this_month]
    if not month:
        return Choice(text=text, shown=months, chosen=months)
    chosen = date(year, month, 1)
    if chosen > this_month:
        return Choice(text="", shown=last, chosen=last)
    return Choice(text=text, shown=last if chosen in last else months, chosen=[chosen])


def begins_at(month: date) -> datetime:
    """Return the instant at which a month begins, as in `money_report`."""
    return datetime(month.year, month.month, 1, tzinfo=ZoneInfo(settings.GDMARKET_TIME_ZONE))


def borders(months: Sequence[date]) -> list[datetime]:
    """Return the instants at which months, one after another, begin, and the one at which the last ends."""
    return [*map(begins_at, months), begins_at(_after(months[-1], 1))]


def _after(month: date, number: int) -> date:
    months = month.year * SHOWN + month.month - 1 + number
    return date(months // SHOWN, months % SHOWN + 1, 1)
