"""Waiting for what takes its time."""

import time
from collections.abc import Callable

_PATIENCE_S = 90.0


def wait_for(seen: Callable[[], bool], what: str, *, patience_s: float = _PATIENCE_S) -> None:
    """Look until it is so.

    :raises TimeoutError: naming what was waited for
    """
    deadline = time.monotonic() + patience_s
    while not seen():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{patience_s:g} s were not enough for {what}.")
        time.sleep(0.1)
