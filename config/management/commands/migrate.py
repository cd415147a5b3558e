"""`manage.py migrate`: Django's, for every database."""

from typing import Any
from uuid import uuid4

from django.core.management import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db.models.functions import Now

from config import catching_up
from gdmarket import databases
from gdmarket.bus.models import Heartbeat


class Command(migrate.Command):
    """Migrates every database, or the one that is named."""

    help = "Apply the migrations of every database, or of --database alone."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database=None)

    def get_check_kwargs(self, options: dict[str, Any]) -> Any:
        named = options["database"]
        return super().get_check_kwargs(options) | {"databases": databases.aliases() if named is None else [named]}

    def handle(self, *args: Any, database: str | None, **options: Any) -> None:
        if database is not None:
            super().handle(*args, database=database, **options)
            return
        for alias in databases.aliases():
            if len(databases.aliases()) > 1 and options["verbosity"]:
                self.stdout.write(self.style.MIGRATE_HEADING(f"Database {alias}:"))
            super().handle(*args, database=alias, **options)
        if not options["plan"] and not options["check_unapplied"]:
            _refuse_duplicate_databases()
            if not options["app_label"]:
                catching_up.catch_up()


def _refuse_duplicate_databases() -> None:
    """Refuse two URLs of one database: an event would be forwarded into the log it came from, and never delivered."""
    for alias in databases.aliases()[:-1]:
        mark = Heartbeat.objects.using(alias).create(relay=uuid4(), subscriber="migrate", process="migrate", seen_at=Now())
        try:
            duplicates = [
                other
                for other in databases.aliases()
                if other != alias and Heartbeat.objects.using(other).filter(relay=mark.relay).exists()
            ]
        finally:
            mark.delete()
        if duplicates:
            raise CommandError(f"{alias} and {duplicates[0]} are one database under two names: give both the same URL, and migrate again")
