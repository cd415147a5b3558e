"""`manage.py rebuild_status_view`: fold the event log again, row by row, while the view is being read."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from apps.status_view import handlers, services

_PROGRESS_EVERY = 1000


class Command(BaseCommand):
    """Puts every row right that differs from the log."""

    help = (
        "Fold the event log again and put right every row of the status view that differs, one short transaction a row. "
        "Readers and deliveries go on meanwhile; it may be stopped and repeated at will."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count what would be put right")

    def handle(self, **options: object) -> None:
        dry_run = bool(options["dry_run"])
        rows = wrong = 0
        for differences in services.refold_view(log=handlers.LOG, repair=not dry_run):
            rows += 1
            wrong += bool(differences)
            if rows % _PROGRESS_EVERY == 0:
                self.stderr.write(f"{rows} rows folded, {wrong} differed …")
        self.stdout.write(f"{rows} rows folded, {wrong} {'would be' if dry_run else 'were'} put right.")
