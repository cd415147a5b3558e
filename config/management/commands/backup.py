"""`manage.py backup`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db import connections

from config.backup import backups
from gdmarket import clock
from gdmarket.console import OperatorCommand, exit_codes


class Command(OperatorCommand):
    """Makes or verifies a backup."""

    help = (
        "Copy every database, and the sandbox provider's file, into a new folder below FOLDER, while the servers run. PostgreSQL needs its "
        "pg_dump on PATH, no older than the server. Several databases are copied one after another, not at one instant: see "
        "docs/how-to/operate.md. Exit codes: 0 made, or whole; 1 not; 3 the database cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER", help="where backups are kept; with --verify, one of them")
        parser.add_argument("--verify", action="store_true", help="make none; check whether this one is whole")

    def handle(self, *, folder: Path, verify: bool, **_: Any) -> None:
        with exit_codes():
            if verify:
                for name, copied in backups.read(folder).copies.items():
                    self.stdout.write(f"{name}: {copied}")
                self.stdout.write(f"{folder} is whole.")
                return
            made = backups.make(folder=folder, now=clock.now(), report=self.stderr.write)
        if len(list(connections)) > 1:
            self.stderr.write("The databases were copied one after another: stop servers and relays to have them of one instant.")
        self.stdout.write(str(made))
