"""When a long-running command is to stop: the relay then finishes the delivery at hand and releases its other claims."""

import os
import signal


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
