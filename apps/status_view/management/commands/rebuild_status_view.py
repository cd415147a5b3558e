"""`manage.py rebuild_status_view`: build the view anew beside the one that is read, and show it at once when it is whole."""

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.status_view import handlers, services
from apps.status_view.management.progress import UNREADABLE, bar
from gdmarket import bus, clock
from gdmarket.errors import DomainError


class Command(BaseCommand):
    """Each action is one call of the services, and some printing."""

    help = (
        "Build the next generation of the status view from what items, rentals and payments say and from the event log, beside the one "
        "that is read; when it is whole, one update shows it to everybody. Deliveries go on, into both. Stopped or killed anywhere, the "
        "next call goes on from there. The generation before stays and is kept up to date, for --rollback, until the next rebuild or "
        "--discard. Exits 0 when done, 1 when refused, 2 when a fact in the log cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="say what would be built, and change nothing")
        what.add_argument("--restart", action="store_true", help="begin anew where a stopped rebuild could be gone on with")
        what.add_argument("--rollback", action="store_true", help="show the previous generation again, at once")
        what.add_argument("--discard", action="store_true", help="delete every generation but the one that is read")
        parser.add_argument(
            "--pace",
            type=_share,
            default=0.5,
            metavar="SHARE",
            help="the share of the time to work in, above 0 and up to 1; the rest, up to 5 s a page, is left to others (0.5)",
        )

    def handle(self, *, dry_run: bool, restart: bool, rollback: bool, discard: bool, pace: float, **_: Any) -> None:
        try:
            if dry_run:
                self._tell()
            elif rollback:
                self.stdout.write(f"Generation {services.activate_previous()} is read again.")
            elif discard:
                self._discard()
            else:
                self._rebuild(restart=restart, pace=pace)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        except (bus.UndecodableError, bus.UnknownEventError) as unreadable:
            raise CommandError(UNREADABLE.format(unreadable), returncode=2) from unreadable

    def _tell(self) -> None:
        there, total = services.get_generations(), services.count_owned()
        begun = f"go on with generation {there.building}, {there.built} rows of which are built" if there.building else "build the next"
        self.stdout.write(f"Generation {there.active} is read. A rebuild would {begun}: about {total} rows. Nothing was changed.")

    def _discard(self) -> None:
        gone = 0
        with bar(total=None, stderr=self.stderr) as shown:
            for gone in services.discard_others():
                shown.update(gone - shown.n)
        self.stdout.write(f"Rows deleted: {gone}. Generation {services.get_generations().active} is read.")

    def _rebuild(self, *, restart: bool, pace: float) -> None:
        with bar(total=services.count_owned(), stderr=self.stderr) as shown:
            for progress in services.rebuild_view(sources=handlers.SOURCES, pace=pace, restart=restart, now=clock.now()):
                shown.update(progress.built - shown.n)
        self.stdout.write(
            f"Generation {progress.generation} is read now. Rows built: {progress.built}. Is it right: check_status_view. "
            "Back to the one before: rebuild_status_view --rollback. Enough of that one: rebuild_status_view --discard."
        )


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise ArgumentTypeError("a share of the time, above 0 and up to 1")
    return share
