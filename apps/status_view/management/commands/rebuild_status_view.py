"""`manage.py rebuild_status_view`: build the view anew beside the one that is read, and show it at once when it is whole."""

from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.status_view import handlers, services
from apps.status_view.management.progress import UNREADABLE, bar
from gdmarket import bus, clock
from gdmarket.errors import DomainError

_WAYS_ON = (
    "Nobody sees anything of the next generation yet. Name them all: check_status_view. Once they are mended, or with a version that can "
    "read them, rebuild_status_view goes on; --skip-unreadable goes on without them, --discard gives it up."
)


class Command(BaseCommand):
    """Each action is one call of the services, and some printing."""

    help = (
        "Build the next generation of the status view from what items, rentals and payments say and from the event log, beside the one "
        "that is read; when it is whole, one update shows it to everybody. Deliveries go on, into both. Stopped or killed anywhere, the "
        "next call goes on from there. The generation before stays and is kept up to date, for --rollback, until the next rebuild or "
        "--discard. Exits 0 when done, 1 when refused, 2 when a fact in the log cannot be read, 130 when stopped by Ctrl-C."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        what = parser.add_mutually_exclusive_group()
        what.add_argument("--dry-run", action="store_true", help="say what would be built, and change nothing")
        what.add_argument("--restart", action="store_true", help="begin anew where a stopped rebuild could be gone on with")
        what.add_argument("--rollback", action="store_true", help="show the previous generation again, at once")
        what.add_argument("--discard", action="store_true", help="delete every generation but the one that is read")
        parser.add_argument(
            "--skip-unreadable",
            action="store_true",
            help="leave facts that cannot be read out of the timelines, and name them; state and money come from their owners anyway",
        )
        parser.add_argument(
            "--pace",
            type=_share,
            default=0.5,
            metavar="SHARE",
            help="the share of the time to work in, above 0 and up to 1; the rest, up to 5 s a page, is left to others (0.5)",
        )

    def handle(self, *, dry_run: bool, rollback: bool, discard: bool, **options: Any) -> None:
        try:
            if dry_run:
                self._tell()
            elif rollback:
                self.stdout.write(f"Generation {services.activate_previous()} is read again.")
            elif discard:
                self._discard()
            else:
                self._rebuild(**options)
        except DomainError as refusal:
            raise CommandError(refusal.message) from refusal
        except (bus.UndecodableError, bus.UnknownEventError) as unreadable:
            raise CommandError(f"{UNREADABLE.format(unreadable)} {_WAYS_ON}", returncode=2) from unreadable
        except KeyboardInterrupt as stopped:
            raise CommandError("Stopped. Readers see what they saw; the next call goes on from here.", returncode=130) from stopped

    def _tell(self) -> None:
        there, total = services.get_generations(), services.count_owned()
        begun = f"go on with generation {there.building}, {there.built} rows of which are built" if there.building else "build the next"
        self.stdout.write(f"Generation {there.active} is read. A rebuild would {begun}: about {total} rows. Nothing was changed.")

    def _discard(self) -> None:
        gone = 0
        with bar(total=None) as shown:
            for gone in services.discard_others():
                shown.update(gone - shown.n)
        self.stdout.write(f"Rows deleted: {gone}. Generation {services.get_generations().active} is read.")

    def _rebuild(self, *, restart: bool, pace: float, skip_unreadable: bool, **_: Any) -> None:
        skipped: list[str] = []
        sources = replace(handlers.SOURCES, on_unreadable=skipped.append if skip_unreadable else None)
        with bar(total=services.count_owned()) as shown:
            for progress in services.rebuild_view(sources=sources, pace=pace, restart=restart, now=clock.now()):
                shown.update(progress.built - shown.n)
        for unreadable in skipped:
            self.stderr.write(f"left out: {unreadable}")
        self.stdout.write(
            f"Generation {progress.generation} is read now. Rows built: {progress.built}. Is it right: check_status_view. "
            "Back to the one before: rebuild_status_view --rollback. Enough of that one: rebuild_status_view --discard."
        )


def _share(text: str) -> float:
    wanted = "a share of the time, above 0 and up to 1"
    try:
        share = float(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(wanted) from unreadable
    if not 0 < share <= 1:
        raise ArgumentTypeError(wanted)
    return share
