"""What the commands of the view have in common: how far they are, for a person or a log, and what they say of a log they cannot read."""

import sys
from typing import Any

from tqdm import tqdm

UNREADABLE = "A fact in the log cannot be read by this version of the program: {}"

_REDRAWN_S = 0.2
_LOGGED_S = 10.0


def bar(*, total: int | None) -> "tqdm[Any]":
    """Return a progress bar of about `total` rows, or of however many, on standard error, to be used in a `with`."""
    every_s = _REDRAWN_S if sys.stderr.isatty() else _LOGGED_S
    return tqdm(total=total, unit=" rows", file=sys.stderr, leave=False, mininterval=every_s, delay=every_s)
