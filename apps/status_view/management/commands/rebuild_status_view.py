"""`manage.py rebuild_status_view`: replace every row from its owners' snapshots, while the view is in use."""

from argparse import ArgumentParser, ArgumentTypeError
from contextlib import suppress
from typing import Any

from django.core.management.base import CommandError

from apps.status_view.management.progress import UNREADABLE, bar
from apps.status_view.services import owners, rebuilding
from gdmarket import bus, clock
from gdmarket.console import OperatorCommand, exit_codes

_REMEDIES = (
    "The rows up to here are rebuilt. `check_status_view` lists all such facts. rebuild_status_view resumes here once they are repaired, "
    "or with a version that can read them; with --skip-unreadable it resumes without them."
)


class Command(OperatorCommand):
    """Rebuilds, or with --dry-run describes what a rebuild would do."""

    help = (
        "Replace every row of the status view from items, rentals and payments and the event log, in place and page by page; remove rows "
        "without an owner. Reads and deliveries work meanwhile. Stopped or killed, the next call resumes after the last page. "
        "Exits 0 when done, 1 when refused, 2 when a fact in the log cannot be read, 3 when the database cannot be used, 130 when stopped "
        "by Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="print what would be rebuilt, and change nothing")
        what.add_argument("--restart", action="store_true", help="start with the first row, not where a stopped rebuild left off")
        parser.add_argument(
            "--skip-unreadable",
            action="store_true",
            help="leave facts that cannot be read out of the timelines, and list them; state and money come from their owners anyway",
        )
        parser.add_argument(
            "--pace",
            type=_share,
            default=0.5,
            metavar="SHARE",
            help="the share of the time to work in, above 0 and up to 1; the rest, up to 5 s a page, is left to others (0.5)",
        )

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        with exit_codes():
            try:
                if dry_run:
                    self._describe()
                else:
                    self._rebuild(**options)
            except (bus.UndecodableError, bus.UnknownEventError) as unreadable:
                raise CommandError(f"{UNREADABLE.format(unreadable)} {_REMEDIES}", returncode=2) from unreadable

    def _describe(self) -> None:
        at, total = rebuilding.get_rebuild(), owners.count_owned()
        begun = f"resume after {at.rows_done}" if at.step else "start with the first"
        self.stdout.write(f"A rebuild would {begun} of about {total} rows. Nothing was changed.")

    def _rebuild(self, *, restart: bool, pace: float, skip_unreadable: bool, **_: Any) -> None:
        skipped: list[str] = []
        on_unreadable = skipped.append if skip_unreadable else None
        pages = rebuilding.rebuild_view(on_unreadable=on_unreadable, pace=pace, restart=restart, now=clock.now())
        with bar(total=owners.count_owned()) as shown:
            for rows_done in pages:
                shown.update(rows_done - shown.n)
        for unreadable in skipped:
            self.stderr.write(f"left out: {unreadable}")
        self.stdout.write(f"The status view is rebuilt. Rows: {rows_done}.")


def _share(text: str) -> float:
    with suppress(ValueError):
        if 0 < (share := float(text)) <= 1:
            return share
    raise ArgumentTypeError("a share of the time, above 0 and up to 1")
