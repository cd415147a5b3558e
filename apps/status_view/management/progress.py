"""What the view's commands share: the progress bar and the message about facts that cannot be read."""

import sys
from typing import Any

from tqdm import tqdm

UNREADABLE = "A fact in the log cannot be read by this version of the program: {}"

_INTERVAL_S = 0.2
_LOG_INTERVAL_S = 10.0


def bar(*, total: int) -> "tqdm[Any]":
    """Return a progress bar on standard error, to be used in a `with`; a line every 10 s where that is no terminal."""
    interval_s = _INTERVAL_S if sys.stderr.isatty() else _LOG_INTERVAL_S
    return tqdm(total=total, unit=" rows", file=sys.stderr, leave=False, mininterval=interval_s, delay=interval_s)
