"""Failpoints: named steps at which a test can make a process die."""

import os
import signal

_VARIABLE = "GDMARKET_CRASH_AT"


def hit(name: str) -> None:
    """Die as by `kill -9` if GDMARKET_CRASH_AT names this failpoint; else do nothing.

    No `finally` runs. The variable is never set in production.
    """
    if os.environ.get(_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
