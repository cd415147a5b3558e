"""`manage.py rebuild_status_view`: fold the event log again, row by row, while the view is being read."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand

from apps.status_view.management.folding import folded_rows


class Command(BaseCommand):
    """Puts every row right that differs from the log."""

    help = (
        "Fold the event log again and put right every row of the status view that differs, one short transaction a row. "
        "Readers and deliveries go on meanwhile; it may be stopped and repeated at will."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only count the rows that differ")

    def handle(self, **options: object) -> None:
        dry_run = bool(options["dry_run"])
        wrong = [bool(differences) for differences in folded_rows(repair=not dry_run, tell=self.stderr.write)]
        self.stdout.write(f"Rows folded: {len(wrong)}. {'To be put right' if dry_run else 'Put right'}: {sum(wrong)}.")
