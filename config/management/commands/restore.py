"""`manage.py restore`."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from config.backup import restoring
from config.backup.manifest import BackupError
from gdmarket.console import exit_codes


class Command(BaseCommand):
    """Arguments in, one call, and what is left to do."""

    help = (
        "Restore a backup into the databases that the settings name, and compare every table with what was copied. Stop servers, relays "
        "and jobs first. A backup that was cut off or altered is refused, and so is a database that is not empty. "
        "Exit codes: 0 restored, 1 refused or failed, 3 the database cannot be used."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, metavar="BACKUP", help="the folder that `backup` made")
        parser.add_argument("--replace", action="store_true", help="lose everything that is in the databases now")
        parser.add_argument("--dry-run", action="store_true", help="see whether it could be restored, and write nothing")

    def handle(self, *, folder: Path, replace: bool, dry_run: bool, **_: Any) -> None:
        try:
            with exit_codes():
                backup = restoring.restore(folder=folder, replace=replace, dry_run=dry_run, say=self.stderr.write)
        except BackupError as refused:
            raise CommandError(str(refused)) from refused
        if dry_run:
            self.stdout.write(f"{folder}, of {backup.made_at}, is whole and could be restored. Nothing was written.")
            return
        older, several = restoring.is_older(backup), len(list(connections)) > 1
        steps = [
            *(["manage.py migrate"] if older else []),
            "manage.py reconcile_payments",
            "start relays",
            *(["manage.py rebuild_status_view"] if several else []),
            "manage.py check_status_view",
            "start servers",
        ]
        self.stdout.write(f"Restored what was copied at {backup.made_at}. Next, in this order: {'; '.join(steps)}.")
