"""`manage.py sweep_photos`: remove the files of photos that no item has any more."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand

from apps.items.services import photo_files
from gdmarket import clock


class Command(BaseCommand):
    """Removes what no item has had for a day."""

    help = "Remove the files of photos that no item has had for a day. Safe to repeat, to interrupt and to run in parallel."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only print how many there are")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        count = sum(1 for _ in photo_files.sweep(now=clock.now(), dry_run=dry_run))
        photos = "1 photo" if count == 1 else f"{count} photos"
        self.stdout.write(f"{photos} {'would be' if dry_run else 'was' if count == 1 else 'were'} removed.")
