"""`manage.py purge_guests`: forget who the guests were whose rentals are long over."""

import argparse
from typing import Any

from django.conf import settings

from apps.rentals.services import guests
from gdmarket import clock
from gdmarket.console import OperatorCommand


class Command(OperatorCommand):
    """Forgets names and contacts."""

    help = (
        "Forget the names and contacts of guests whose rental was over more than GDMARKET_GUEST_RETENTION_DAYS ago. "
        "Safe to repeat, to interrupt and to run in parallel."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only print how many there are")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        days = settings.GDMARKET_GUEST_RETENTION_DAYS
        count = sum(guests.forget_guests(now=clock.now(), older_than_days=days, dry_run=dry_run))
        self.stdout.write(f"{'Would forget' if dry_run else 'Forgot'} {count} guest(s) whose rental was over more than {days} days ago.")
