"""`manage.py load_demo`."""

import logging
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from apps.accounts import queries as accounts
from config import demo, exposure
from config.demo_catalogue import THINGS
from gdmarket import clock
from gdmarket.console import OperatorCommand
from gdmarket.errors import DomainError


class Command(OperatorCommand):
    """Fills an empty database with the demo."""

    help = "Fill an empty database with a Korean neighbourhood: people, items, and rentals in every state. One with people is left alone."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="print what would be loaded, and load nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        if accounts.has_people():
            self.stdout.write("The database is not empty: the demo is not loaded.")
            return
        if not exposure.may_load_demo(settings):
            found = "the market is reached from beyond this machine, and everybody knows the demo's password"
            raise CommandError(f"{found}. In a network of your own: set GDMARKET_PUBLIC_DEMO=true.")
        if options["dry_run"]:
            self.stdout.write(f"Would load {len(demo.PEOPLE)} people, {len(THINGS)} items and some rentals.")
            return
        logging.getLogger("apps.payments").setLevel(logging.ERROR)  # one of the payments gets no answer, on purpose
        try:
            for step in demo.load(now=clock.now()):
                self.stdout.write(f"Demo: {step} …")
                self.stdout.flush()
        except DomainError as refusal:
            gateway = settings.GDMARKET_PAYMENT_GATEWAY
            raise CommandError(f"its rentals could not be paid with GDMARKET_PAYMENT_GATEWAY={gateway}. {refusal.message}") from refusal
