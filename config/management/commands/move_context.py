"""`manage.py move_context`."""

from typing import Any

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from config import moving
from gdmarket import databases
from gdmarket.console import OperatorCommand


class Command(OperatorCommand):
    """Copies a context's rows and events into its new database."""

    help = (
        "Copy a context from the database it was in to the one that the settings name: its tables, the events it published or handles, and "
        "its outstanding deliveries, which are then deleted where they were. Nothing else may run meanwhile. It can be repeated."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("context", choices=sorted(settings.GDMARKET_CONTEXT_DATABASES))
        parser.add_argument("--from", dest="source", choices=databases.aliases(), required=True, help="the database it was in")

    def handle(self, *_: Any, context: str, source: str, **__: Any) -> None:
        if source == databases.alias_for(context):
            raise CommandError(f"{context} is in {source} already: set its URL first, and migrate")
        for table, copied in moving.move(context=context, source=source):
            self.stdout.write(f"{table}: {copied} new")
