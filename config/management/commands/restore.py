"""`manage.py restore`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.db import connections

from config.backup import backups
from gdmarket.console import OperatorCommand, exit_codes


class Command(OperatorCommand):
    """Restores a backup and prints what is left to do."""

    help = (
        "Restore a backup into the databases that the settings name, and compare every table with what was copied. Stop servers, relays "
        "and jobs first. A damaged backup is refused, and so is a database that is not empty. "
        "Exit codes: 0 restored, 1 refused or failed, 3 the database cannot be used."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="BACKUP", help="the folder that `backup` made")
        parser.add_argument("--replace", action="store_true", help="delete everything that is in the databases now")
        parser.add_argument("--dry-run", action="store_true", help="check whether it could be restored, and write nothing")

    def handle(self, *, folder: Path, replace: bool, dry_run: bool, **_: Any) -> None:
        with exit_codes():
            backup = backups.restore(folder=folder, replace=replace, dry_run=dry_run, report=self.stderr.write)
        if dry_run:
            self.stdout.write(f"{folder}, of {backup.made_at}, is whole and could be restored. Nothing was written.")
            return
        steps = ["manage.py reconcile_payments", "start relays", "manage.py check_status_view", "start servers"]
        if backups.known_migrations() - set(backup.migrations):
            steps.insert(0, "manage.py migrate")
        if len(list(connections)) > 1:
            steps.insert(-2, "manage.py rebuild_status_view")
        self.stdout.write(f"Restored what was copied at {backup.made_at}. Next, in this order: {'; '.join(steps)}.")
