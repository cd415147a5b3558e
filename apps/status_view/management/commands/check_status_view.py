"""`manage.py check_status_view`: whether the status view says what the owners say."""

import json
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from dataclasses import asdict, replace
from itertools import takewhile
from typing import Any

from django.core.management.base import BaseCommand

from apps.status_view import handlers, services
from apps.status_view.management.progress import UNREADABLE, bar
from gdmarket import bus, clock

_WIDTH = 40
_LONGEST_PATIENCE_S = 3600


class Command(BaseCommand):
    """Prints where the view differs from its owners."""

    help = (
        "Compare every row of the status view with what items, rentals and payments say of themselves, and its timelines with the event "
        "log; print where they differ. Changes nothing. "
        "What differs is looked at once more after --patience seconds, so that deliveries on their way are no alarm. "
        "Exits 0 when all is right, 1 on a difference (`rebuild_status_view` puts it right), 2 when facts in the log cannot be read."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print a list of differences as JSON")
        parser.add_argument("--patience", type=_seconds, default=2.0, metavar="SECONDS", help="how long to wait before the second look (2)")

    def handle(self, *, json: bool, patience: float, **_: Any) -> None:
        unreadable: dict[str, None] = {}
        sources = replace(handlers.SOURCES, on_unreadable=lambda told: unreadable.setdefault(told, None))
        suspects = _find_suspects(sources)
        if suspects:
            time.sleep(patience)
        differences = services.look_again(suspects=suspects, sources=sources, now=clock.now())
        self.stdout.write(_as_json(differences) if json else _as_table(differences))
        for told in unreadable:
            self.stderr.write(UNREADABLE.format(told))
        if unreadable:
            sys.exit(2)
        if differences:
            sys.exit(1)


def _find_suspects(sources: services.Sources) -> list[list[services.Difference]]:
    suspects = []
    with bar(total=services.count_owned()) as shown:
        for found in services.list_differences(sources=sources, now=clock.now()):
            shown.update()
            if found:
                suspects.append(found)
    return suspects


def _seconds(text: str) -> float:
    wanted = f"a number of seconds from 0 to {_LONGEST_PATIENCE_S}"
    try:
        seconds = float(text)
    except ValueError as unreadable:
        raise ArgumentTypeError(wanted) from unreadable
    if not 0 <= seconds <= _LONGEST_PATIENCE_S:
        raise ArgumentTypeError(wanted)
    return seconds


def _as_json(differences: Sequence[services.Difference]) -> str:
    return json.dumps([asdict(difference) for difference in differences], default=str, ensure_ascii=False, indent=2)


def _as_table(differences: Sequence[services.Difference]) -> str:
    if not differences:
        return "The status view says what its owners say."
    head = ("ROW", "COLUMN", "VIEW SAYS", "OWNER SAYS")
    lines = [head, *((f"{d.kind}:{d.id}", d.column, *_excerpts(d.stored, d.expected)) for d in differences)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    rows = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*rows, "", f"Differences: {len(differences)}. {_remedy()}"])


def _remedy() -> str:
    behind = bus.backlog_of(subscriber="status_view")
    if behind.pending:
        why = "is paused (bus resume status_view)" if behind.paused else "is behind"
        return f"The view {why}: {behind.pending} facts have not reached it yet, and may be all there is to it."
    return "Put them right with: manage.py rebuild_status_view"


def _excerpts(*values: object) -> tuple[str, ...]:
    """Return the values as short text, long ones from shortly before the place where they part."""
    texts = [_text(value) for value in values]
    if max(map(len, texts)) <= _WIDTH:
        return tuple(texts)
    alike = sum(1 for _ in takewhile(lambda letters: len(set(letters)) == 1, zip(*texts, strict=False)))
    start = max(0, alike - _WIDTH // 4)
    return tuple(_cut(text, start=start) for text in texts)


def _text(value: object) -> str:
    if isinstance(value, dict | list):
        # PostgreSQL keeps keys in an order of its own.
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    # What is in a row may come from anybody, and is not to command the terminal.
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in str(value)) if value != "" else '""'


def _cut(text: str, *, start: int) -> str:
    shown = ("…" if start else "") + text[start:]
    return shown if len(shown) <= _WIDTH else shown[: _WIDTH - 1] + "…"
