"""Print what each item manager earned in a month, and the ledger's balances."""

import csv
import json
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import asdict
from datetime import MAXYEAR, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings

from apps.accounts import facade as accounts
from apps.payments import queries
from apps.payments.queries import Earnings
from gdmarket import clock
from gdmarket.console import OperatorCommand

_ROW = "{:<30} {:<36} {:>8} {:>14} {:>14} {:>14} {:>14} {}"
_FORMULA_SIGNS = frozenset("=+-@＝＋－＠")
_COLUMNS = ("manager", "manager_id", "currency", "payments", "earned", "given_back", "cash", "net")


def _month(text: str) -> datetime:
    try:
        month = datetime.strptime(text, "%Y-%m")  # noqa: DTZ007  # the zone is given right below
    except ValueError as wrong:
        raise ArgumentTypeError(f"{text!r} is not a month, e.g. 2026-11") from wrong
    if month.year >= MAXYEAR:
        raise ArgumentTypeError(f"{text!r} is beyond the calendar")
    return month.replace(tzinfo=ZoneInfo(settings.GDMARKET_TIME_ZONE))


class Command(OperatorCommand):
    """Print the earnings of a month, one row per manager; only reads the ledger."""

    help = (
        "Print what each item manager earned in a month, what of it was refunded, what they took in cash, and what is to be paid out; "
        f"then the balances of the ledger today. Months are those of {settings.GDMARKET_TIME_ZONE}; sums are in minor units."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--month", type=_month, metavar="YYYY-MM", help="which month (default: this one)")
        form = parser.add_mutually_exclusive_group()
        form.add_argument("--json", action="store_true", help="print one JSON document instead of a table")
        form.add_argument(
            "--csv", action="store_true", help="print comma-separated values that Excel reads, in UTF-8 with its mark, instead of a table"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        since = options["month"] or _this_month()
        until = since.replace(year=since.year + since.month // 12, month=since.month % 12 + 1)
        lines = _lines(queries.list_earnings(since=since, until=until))
        if options["json"]:
            balances = [{"account": account, "currency": currency, "balance": sum_} for account, currency, sum_ in queries.list_balances()]
            report = {"month": f"{since:%Y-%m}", "managers": lines, "balances": balances}
            self.stdout.write(json.dumps(report, default=str, ensure_ascii=False))
        elif options["csv"]:
            self._write_csv(lines)
        else:
            self._print_table(f"{since:%Y-%m}", lines)

    def _print_table(self, month: str, lines: list[dict[str, Any]]) -> None:
        if lines:
            self.stdout.write(_ROW.format("manager", "id", "payments", "earned", "given back", "in cash", "to pay out", month))
        else:
            self.stdout.write(f"Nothing was earned in {month}.")
        for line in lines:
            sums = (f"{line[name]:,}" for name in ("payments", "earned", "given_back", "cash", "net"))
            self.stdout.write(_ROW.format(line["manager"][:30], str(line["manager_id"] or "-"), *sums, line["currency"]))
        for account, currency, balance in queries.list_balances():
            self.stdout.write(f"{account:<30} {'debit' if balance >= 0 else 'credit'} {abs(balance):,} {currency}")

    def _write_csv(self, lines: list[dict[str, Any]]) -> None:
        # Without the mark Excel reads UTF-8 as the code page of its country, and Korean names as noise.
        self.stdout.write("\ufeff", ending="")
        table = csv.DictWriter(self.stdout, fieldnames=_COLUMNS)
        table.writeheader()
        table.writerows({**line, "manager": _as_text(line["manager"])} for line in lines)


def _this_month() -> datetime:
    now = clock.now().astimezone(ZoneInfo(settings.GDMARKET_TIME_ZONE))
    return now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _lines(all_earnings: list[Earnings]) -> list[dict[str, Any]]:
    people = accounts.list_people(user_ids=[earnings.manager_id for earnings in all_earnings if earnings.manager_id])
    names: dict[UUID | None, str] = {person.id: person.display_name for person in people}
    return [
        {"manager": names.get(earnings.manager_id, "(not known)"), **asdict(earnings), "net": earnings.net} for earnings in all_earnings
    ]


def _as_text(name: str) -> str:
    # A name must not become a formula in somebody's spreadsheet, where East Asian input methods write its first sign twice as wide.
    return f"'{name}" if name.lstrip()[:1] in _FORMULA_SIGNS or name[:1].isspace() else name
