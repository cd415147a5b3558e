"""`manage.py export_rentals`: write rentals to a file that spreadsheets open."""

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts import facade as accounts
from apps.rentals.models import Rental
from apps.rentals.queries import tables
from gdmarket import console
from gdmarket.sheets import files


class Command(BaseCommand):
    """Writes all rentals, or a manager's."""

    help = f"Write rentals to a CSV or XLSX, all or those of one manager, the newest first. {console.EXIT_CODES}"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        files.add_file(parser)
        parser.add_argument("--manager", metavar="EMAIL", help="whose; without it everybody's")

    def handle(self, *args: Any, file: Path, overwrite: bool, manager: str | None, **options: Any) -> None:
        rows = Rental.objects.all()
        if manager is not None:
            person = accounts.find_person(email=manager)
            if person is None:
                raise CommandError(f"Nobody has the e-mail address {manager}.", returncode=2)
            rows = rows.filter(manager_id=person.id)
        table = tables.RentalTable(with_managers=manager is None)
        with console.exit_codes():
            files.save(file=file, overwrite=overwrite, rows=rows, table=table, title="rentals", out=self.stdout)
