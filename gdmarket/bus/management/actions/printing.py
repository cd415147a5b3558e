"""How actions show what they found."""

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.core.management.base import OutputWrapper
from django.core.serializers.json import DjangoJSONEncoder
from tqdm import tqdm

from gdmarket.bus.stretches import Stretch

_T = TypeVar("_T")

_FORMAT = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}, {remaining} to go"
# Where nobody looks on, what takes long says every so often that it goes on.
_LONG_S = 10.0
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def print_json(out: OutputWrapper, value: object, *, indent: int | None = 2) -> None:
    """Print a value for machines; without `indent` on a line."""
    out.write(json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=indent))


def print_table(out: OutputWrapper, rows: Sequence[Sequence[object]]) -> None:
    """Print rows in columns: the first to the left, the others to the right."""
    widths = [max(len(str(row[n])) for row in rows) for n in range(len(rows[0]))]
    for row in rows:
        cells = (str(cell).ljust(w) if n == 0 else str(cell).rjust(w) for n, (cell, w) in enumerate(zip(row, widths, strict=True)))
        out.write("  ".join(cells).rstrip())


def spoken(seconds: float) -> str:
    """Return a length of time for people: `0.4 s`, `3 min 05 s`, `2 h 10 min`, `3 d 04 h`."""
    if seconds < _MINUTE_S:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02} s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02} min"
    return f"{whole // _DAY_S} d {whole % _DAY_S // _HOUR_S:02} h"


def shown(work: Iterable[tuple[Stretch, _T]], *, title: str) -> Iterator[_T]:
    """Yield what is done stretch by stretch, with a progress bar on standard error: at a terminal, or where it takes long."""
    is_watched = sys.stderr.isatty()
    pace_s = 0.1 if is_watched else _LONG_S
    with tqdm(
        total=1.0, desc=title, file=sys.stderr, bar_format=_FORMAT, mininterval=pace_s, delay=0 if is_watched else _LONG_S, leave=is_watched
    ) as bar:
        for stretch, done in work:
            yield done
            bar.update(stretch.part - bar.n)
