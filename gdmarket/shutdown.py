"""When a process is to stop: a command finishes what is at hand, and a server is not ready while gateways take it out."""

import os
import signal
from threading import Event

_draining = Event()


def begin_draining() -> None:
    """Make this process not ready from now on; it goes on serving."""
    _draining.set()


def is_draining() -> bool:
    """Say whether this process will end soon, and should get no more requests."""
    return _draining.is_set()


class StopSignal:
    """Tells a long-running command to stop: on SIGTERM or SIGINT, or when the process that started it has ended."""

    def __init__(self, *, parent: int | None) -> None:
        self._parent = parent
        self._received = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._receive)

    def _receive(self, *_: object) -> None:
        self._received = True

    def keep_going(self) -> bool:
        """Return False once a signal was received or the parent process has ended."""
        return not self._received and (self._parent is None or os.getppid() == self._parent)
