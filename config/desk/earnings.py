"""What a manager earned, by month, item and category: the ledger's sums, beside what items and the status view know."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import TypeVar
from uuid import UUID

from apps.items.queries import categories
from apps.payments import queries as payments
from apps.payments.queries import EarnedSums, ItemEarnings
from apps.status_view import queries as status_view
from apps.status_view.queries import OpenMoney
from config.desk import months
from config.desk.away import read_or_none
from config.desk.months import Choice
from gdmarket import contracts

WON = "KRW"
MOST_ITEMS = 10_000

Key = TypeVar("Key", UUID | None, str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line(EarnedSums):
    """A line of a table: a month, an item or a category, what was earned in it, and what is still open of it today, in minor units.

    `standing` was paid, and may still be given back, as its rental is not over; `requested` is not paid yet.
    """

    standing: int = 0
    requested: int = 0


_AMOUNTS = [field.name for field in fields(Line) if field.name != "currency"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Income:
    """A manager's income in a currency; `total` is of the chosen months. Items and categories: those with the most income first.

    An item is None where it is not known; a category is its key, empty where it is not known; `keys` are those of the items. `currencies`
    are all in which something was earned or is open. `is_away`: what is open, or which categories items have, cannot be read at the moment.
    """

    currency: str
    currencies: Sequence[str]
    total: Line
    months: Mapping[date, Line]
    items: Sequence[tuple[UUID | None, Line]]
    categories: Sequence[tuple[str, Line]]
    keys: Mapping[UUID, str]
    is_away: bool


def income_of(*, manager_id: UUID, choice: Choice, currency: str) -> Income:
    """Return a manager's income; in another currency where there is none in this one.

    The number of statements is the same for every manager. Of a manager with very many items, the oldest count as of no known category.
    """
    by_month = payments.list_months_of(manager_id=manager_id, borders=months.borders(choice.shown))
    open_money = read_or_none(lambda: status_view.sum_open_money(manager_id=manager_id))
    currencies = sorted({row.currency for row in (*by_month, *(open_money or ()))} or {WON})
    currency = currency if currency in currencies else WON if WON in currencies else currencies[0]
    begin, *_, end = months.borders(choice.chosen)
    earned = payments.list_items_of(manager_id=manager_id, since=begin, until=end, currency=currency)
    items = _items(earned, [row for row in open_money or () if row.currency == currency])
    keys = read_or_none(lambda: categories.list_keys_of_items(manager_id=manager_id, limit=MOST_ITEMS))
    return Income(
        currency=currency,
        currencies=currencies,
        total=total_of(items.values(), currency=currency),
        months=dict.fromkeys(choice.shown, Line(currency=currency))
        | {choice.shown[row.month]: contracts.build(Line, row) for row in by_month if row.currency == currency},
        items=_ranked(items),
        categories=_ranked(_by_category(items, keys or {}, currency=currency)),
        keys=keys or {},
        is_away=open_money is None or keys is None,
    )


def _items(earned: Iterable[ItemEarnings], open_money: Iterable[OpenMoney]) -> dict[UUID | None, Line]:
    lines: dict[UUID | None, Line] = {row.item_id: contracts.build(Line, row) for row in earned}
    for row in open_money:
        lines[row.item_id] = contracts.build(Line, lines.get(row.item_id, row), standing=row.standing, requested=row.requested)
    return lines


def _by_category(items: Mapping[UUID | None, Line], keys: Mapping[UUID, str], *, currency: str) -> dict[str, Line]:
    grouped: dict[str, list[Line]] = {}
    for item_id, line in items.items():
        grouped.setdefault(keys.get(item_id, "") if item_id else "", []).append(line)
    return {key: total_of(lines, currency=currency) for key, lines in grouped.items()}


def total_of(lines: Iterable[Line], *, currency: str) -> Line:
    """Return the sums of lines in a currency, column by column."""
    summed = list(lines)
    return Line(currency=currency, **{name: sum(getattr(line, name) for line in summed) for name in _AMOUNTS})


def _ranked(lines: Mapping[Key, Line]) -> list[tuple[Key, Line]]:
    """Return the lines with the most income first; of equal ones, those of which most was paid or is open."""
    return sorted(lines.items(), key=lambda row: (-row[1].income, -row[1].earned, -row[1].standing, -row[1].requested, str(row[0])))
