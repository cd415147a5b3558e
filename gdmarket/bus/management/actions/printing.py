"""How actions show how far they are."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

from gdmarket.bus.log_ranges import LogRange

_T = TypeVar("_T")

_FORMAT = "{desc}: {percentage:3.0f} %|{bar}| {elapsed}, {remaining} to go"
# Where nobody looks on, what takes long says every so often that it goes on.
_LONG_S = 10.0


def shown(work: Iterable[tuple[LogRange, _T]], *, title: str) -> Iterator[_T]:
    """Yield what is done stretch by stretch, with a progress bar on standard error: at a terminal, or where it takes long."""
    is_watched = sys.stderr.isatty()
    pace_s = 0.1 if is_watched else _LONG_S
    with tqdm(
        total=1.0, desc=title, file=sys.stderr, bar_format=_FORMAT, mininterval=pace_s, delay=0 if is_watched else _LONG_S, leave=is_watched
    ) as bar:
        for log_range, done in work:
            yield done
            bar.update(log_range.part - bar.n)
