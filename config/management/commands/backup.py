"""`manage.py backup`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config.backup import making
from config.backup.manifest import BackupError
from gdmarket import clock
from gdmarket.console import exit_codes


class Command(BaseCommand):
    """Arguments in, one call, a line out."""

    help = (
        "Copy every database, and the books of providers to try things with, into a new folder below FOLDER, while the market serves. "
        "PostgreSQL needs its own pg_dump on PATH, no older than the server. Several databases are copied one after another, not at one "
        "instant: see docs/how-to/operate.md. Exit codes: 0 made, or whole; 1 not; 3 the database cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="where backups are kept; with --verify, one of them")
        parser.add_argument("--verify", action="store_true", help="make none; see whether this one is whole and can be read")

    def handle(self, *, folder: Path, verify: bool, **_: Any) -> None:
        try:
            with exit_codes():
                self._verify(folder) if verify else self._make(folder)
        except BackupError as refused:
            raise CommandError(str(refused)) from refused

    def _make(self, folder: Path) -> None:
        made = making.make(folder=folder, now=clock.now(), say=self.stderr.write)
        if len(list(connections)) > 1:
            self.stderr.write("These were several databases, copied one after another: stop what writes, to have them of one instant.")
        self.stdout.write(str(made))

    def _verify(self, folder: Path) -> None:
        for line in making.verify(folder=folder):
            self.stdout.write(line)
        self.stdout.write(f"{folder} is whole.")
