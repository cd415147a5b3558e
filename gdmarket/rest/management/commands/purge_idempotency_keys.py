"""`manage.py purge_idempotency_keys`: delete the stored responses that have expired."""

import argparse
from typing import Any

from gdmarket import clock
from gdmarket.console import OperatorCommand
from gdmarket.rest import idempotency_store


class Command(OperatorCommand):
    """Deletes what is older than 24 hours."""

    help = "Delete idempotency keys, with their stored responses, that are older than 24 hours. Safe to repeat and to run in parallel."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="only print how many there are")

    def handle(self, *args: Any, dry_run: bool, **options: Any) -> None:
        count = sum(idempotency_store.purge(now=clock.now(), dry_run=dry_run))
        self.stdout.write(f"{'Would delete' if dry_run else 'Deleted'} {count} idempotency key(s) older than 24 hours.")
