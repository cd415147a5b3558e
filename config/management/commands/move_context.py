"""`manage.py move_context`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config import moving
from gdmarket import databases


class Command(BaseCommand):
    """Takes a context's rows and events over into the database that is its home now."""

    help = (
        "Copy a context from the database it was in to the one it is at home in now: its tables, the events it published and what it has "
        "still to handle. Nothing else may run meanwhile. It may be stopped and repeated. Where it came from only what it has still "
        "to handle is removed, once copied."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("context", choices=sorted(settings.GDMARKET_CONTEXT_DATABASES))
        parser.add_argument("--from", dest="source", choices=databases.aliases(), required=True, help="the database it was in")

    def handle(self, *_: Any, context: str, source: str, **__: Any) -> None:
        if source == databases.alias_for(context):
            raise CommandError(f"{context} is at home in {source}: set its URL first, and migrate")
        for table, copied in moving.move(context=context, source=source):
            self.stdout.write(f"{table}: {copied} new")
