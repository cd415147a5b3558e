"""Waiting for a condition."""

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], what: str, *, timeout_s: float = 90.0, poll_s: float = 0.05) -> None:
    """Poll until the condition is true.

    :raises TimeoutError: naming what was waited for
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"Timed out after {timeout_s:g} s waiting for {what}.")
        time.sleep(poll_s)
