"""`manage.py check_status_view`: whether the status view says what the event log says."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict

from django.core.management.base import BaseCommand

from apps.status_view import handlers, services


class Command(BaseCommand):
    """Prints where the view differs from the log."""

    help = (
        "Recompute every row of the status view from the event log and print where it differs. Changes nothing. "
        "What differs is looked at once more after --patience seconds, so that deliveries on their way are no alarm. "
        "Exits 0 when all is right, 1 on a difference; `rebuild_status_view` puts it right."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print a list of differences as JSON")
        parser.add_argument("--patience", type=float, default=2.0, metavar="SECONDS", help="how long to wait before the second look (2)")

    def handle(self, **options: object) -> None:
        differences = services.find_differences(log=handlers.LOG, patience_s=float(str(options["patience"])))
        if options["json"]:
            self.stdout.write(json.dumps([asdict(difference) for difference in differences], default=str, indent=2))
        else:
            self.stdout.write(_table(differences) if differences else "The status view says what the event log says.")
        if differences:
            sys.exit(1)


def _table(differences: Sequence[services.Difference]) -> str:
    head = ("ROW", "COLUMN", "VIEW SAYS", "LOG SAYS")
    lines = [head, *((f"{d.kind}:{d.id}", d.column, _short(d.stored), _short(d.expected)) for d in differences)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, "", f"{len(differences)} differences. Put them right with: manage.py rebuild_status_view"])


def _short(value: object, *, limit: int = 40) -> str:
    text = str(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"
