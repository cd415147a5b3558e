"""When a command that runs on and on is to end."""

import os
import signal


class Orders:
    """Whether a command that runs on and on shall go on: until SIGTERM, SIGINT, or the end of the process that started it."""

    def __init__(self, *, parent: int | None) -> None:
        self._parent = parent
        self._is_told_to_stop = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, *_: object) -> None:
        self._is_told_to_stop = True

    def keep_going(self) -> bool:
        """Say no once a signal came or the parent is gone."""
        return not self._is_told_to_stop and (self._parent is None or os.getppid() == self._parent)
