"""Failpoints: named steps at which a process can be made to die, so that a test reaches each of them on purpose and not by luck."""

import os
import signal

_VARIABLE = "GDMARKET_CRASH_AT"


def hit(name: str) -> None:
    """Die here, as by `kill -9`, if GDMARKET_CRASH_AT names this failpoint; else do nothing.

    What this process holds in memory is lost, and no `finally` runs. The variable is never set in production.
    """
    if os.environ.get(_VARIABLE) == name:
        os.kill(os.getpid(), signal.SIGKILL)
