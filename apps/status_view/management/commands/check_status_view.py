"""`manage.py check_status_view`: whether the status view matches its owners."""

import json
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from dataclasses import asdict
from itertools import takewhile
from typing import Any

from apps.status_view.management.progress import UNREADABLE, bar
from apps.status_view.services import checking, owners
from apps.status_view.services.checking import Difference
from gdmarket import bus, clock, console
from gdmarket.console import OperatorCommand

_WIDTH = 40


class Command(OperatorCommand):
    """Prints where the view differs from its owners."""

    help = (
        "Compare every row of the status view with items, rentals and payments, and its timelines with the event log; print the "
        "differences. Changes nothing. Rows that differ are compared again after --patience seconds, so that pending deliveries are not "
        "reported. Exits 0 when all is right, 1 on a difference (`rebuild_status_view` repairs it), 2 when facts in the log cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print a list of differences as JSON")
        parser.add_argument(
            "--patience", type=console.seconds, default=2.0, metavar="SECONDS", help="how long to wait before comparing again (2)"
        )

    def handle(self, *, json: bool, patience: float, **_: Any) -> None:
        unreadable: list[str] = []
        suspects: list[list[Difference]] = []
        with bar(total=owners.count_owned()) as shown:
            for found in checking.list_differences(on_unreadable=unreadable.append, now=clock.now()):
                shown.update()
                if found:
                    suspects.append(found)
        if suspects:
            time.sleep(patience)
        differences = checking.compare_again(suspects=suspects, on_unreadable=unreadable.append, now=clock.now())
        self.stdout.write(_as_json(differences) if json else _as_table(differences))
        for event in dict.fromkeys(unreadable):  # a row may have been compared twice
            self.stderr.write(UNREADABLE.format(event))
        if unreadable:
            sys.exit(2)
        if differences:
            sys.exit(1)


def _as_json(differences: Sequence[Difference]) -> str:
    return json.dumps([asdict(difference) for difference in differences], default=str, ensure_ascii=False, indent=2)


def _as_table(differences: Sequence[Difference]) -> str:
    if not differences:
        return "The status view matches its owners."
    head = ("ROW", "COLUMN", "VIEW", "OWNER")
    lines = [head, *((f"{d.kind}:{d.id}", d.column, *_excerpts(d.stored, d.expected)) for d in differences)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, "", f"Differences: {len(differences)}. {_remedy()}"])


def _remedy() -> str:
    behind = bus.backlog_of(subscriber="status_view")
    if behind.pending:
        why = "is paused (bus resume status_view)" if behind.paused else "is behind"
        return f"The view {why}: {behind.pending} pending facts may explain them."
    return "Repair them with: manage.py rebuild_status_view"


def _excerpts(*values: object) -> list[str]:
    """Return the values as short text, long ones from shortly before the first difference."""
    texts = [_text(value) for value in values]
    common = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False)))
    start = max(0, common - _WIDTH // 4) if max(map(len, texts)) > _WIDTH else 0
    excerpts = [("…" if start else "") + text[start:] for text in texts]
    return [text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…" for text in excerpts]


def _text(value: object) -> str:
    if isinstance(value, dict | list):
        # PostgreSQL stores keys in its own order.
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    # Anybody may have written it: escape what would control the terminal.
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value)) or '""'
