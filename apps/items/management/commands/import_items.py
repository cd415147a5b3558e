"""`manage.py import_items`: register and revise a manager's items as a file says."""

import argparse
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts import facade as accounts
from apps.items.services import importing
from gdmarket import clock, console, correlation
from gdmarket.sheets import reading

_EVERY = 500
_MOST_SHOWN = 20


class Command(BaseCommand):
    """Shows what would be done unless it is told to do it."""

    help = (
        "Register and revise a manager's items as a CSV or XLSX says. Without --apply it only shows what would be done. All or nothing, "
        f"in one transaction, unless --per-row. Safe to repeat: the same file registers nothing twice. {console.EXIT_CODES}"
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a CSV or XLSX of up to 10,000 rows; the first row has the headings")
        parser.add_argument("--manager", required=True, metavar="EMAIL", help="whose items they are")
        parser.add_argument("--apply", action="store_true", help="do it")
        parser.add_argument("--per-row", action="store_true", help="with --apply: do what can be done, though other rows are refused")

    def handle(self, *args: Any, file: Path, manager: str, apply: bool, per_row: bool, **options: Any) -> None:
        person = accounts.find_person(email=manager)
        if person is None or "item_manager" not in person.roles:
            raise CommandError(f"No item manager has the e-mail address {manager}.", returncode=2)
        correlation.act_as(str(person.id))
        try:
            raw = file.read_bytes() if file.stat().st_size <= reading.MOST_BYTES else b"\0" * (reading.MOST_BYTES + 1)
        except OSError as failed:
            raise CommandError(f"{file} cannot be read: {failed.strerror}.", returncode=2) from failed
        with console.exit_codes():
            plan = importing.plan_import(table=reading.read(raw=raw), raw=raw, manager_id=person.id)
            self._show(plan)
            if apply and per_row:
                self._import_each(plan["rows"], person.id)
            elif apply:
                importing.import_all(
                    rows=plan["rows"], manager_id=person.id, now=clock.now(), done=partial(self._report, len(plan["rows"]))
                )
                self.stdout.write("Done.")
            else:
                self.stdout.write("Nothing was changed: --apply does it.")

    def _show(self, plan: importing.Plan) -> None:
        if plan["left_out"]:
            self.stdout.write(f"Columns that are left out: {', '.join(plan['left_out'])}")
        counts = Counter(row["kind"] for row in plan["rows"])
        self.stdout.write(", ".join(f"{counts[kind]} {kind}" for kind in importing.KINDS))
        for row in [row for row in plan["rows"] if row["changes"]][:_MOST_SHOWN]:
            changes = "; ".join(f"{column}: {before} → {after}" for column, before, after in row["changes"])
            self.stdout.write(f"  row {row['number']}, {row['name']}: {changes}")
        for row in plan["rows"]:
            for column, message in row["errors"]:
                self.stderr.write(f"  row {row['number']}, {column}: {message}")

    def _import_each(self, rows: Sequence[importing.PlannedRow], manager_id: Any) -> None:
        refused = sum(row["kind"] == importing.REFUSED for row in rows)
        for count, (row, refusal) in enumerate(importing.import_rows(rows=rows, manager_id=manager_id, now=clock.now()), 1):
            if refusal is not None:
                refused += 1
                self.stderr.write(f"  row {row['number']}: {refusal.message}")
            self._report(len(rows), count)
        self.stdout.write(f"Done, but for {refused} that were refused." if refused else "Done.")
        if refused:
            raise CommandError("Not all rows were imported.", returncode=1)

    def _report(self, total: int, count: int) -> None:
        if count % _EVERY == 0:
            console.report(self.stdout, f"{count} of {total} rows")
