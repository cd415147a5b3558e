"""Management commands beside the server: children of gunicorn's master, forked from it, so that they share what it has loaded."""

import atexit
import mmap
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

_MANAGE = Path(__file__).resolve().parent.parent / "manage.py"
_STOP_S = 20.0
_RETRY_S = 60.0
_POLL_S = 0.05
# Those that gunicorn's master handles.
_SIGNALS = ("HUP", "QUIT", "INT", "TERM", "TTIN", "TTOU", "USR1", "USR2", "WINCH", "CHLD", "ALRM")
_own_name: list[str] = []


def identify_process() -> str:
    """Return what the files of this process's metrics are named by: a sidecar's name, so that its next run goes on in the same files."""
    return _own_name[0] if _own_name else str(os.getpid())


class Sidecar:
    """A management command that is restarted when it has ended, `every_s` seconds after its last start at the earliest.

    One that failed or was killed is restarted after a minute, if `every_s` is longer. The first start is `after_s` after the server's.
    """

    def __init__(self, *command: str, after_s: float = 0.0, every_s: float = 0.0) -> None:
        self._command = command
        self._every_s = every_s
        self._after_s = after_s
        self._started_at: float | None = None
        self._process = 0
        # Shared with the process, as its exit code is not known here: gunicorn hears of the end of any child first.
        self._has_succeeded = mmap.mmap(-1, 1)
        self._has_succeeded[0] = 1

    def ensure_running(self, *, listeners: Sequence[socket.socket]) -> None:
        """Start it if it is due and not running; `listeners` are the server's, which it must not keep open."""
        if self._started_at is None:
            self._started_at = time.monotonic() + self._after_s - self._every_s
        pause_s = self._every_s if self._has_succeeded[0] else min(self._every_s, _RETRY_S)
        if self._is_running() or time.monotonic() < self._started_at + pause_s:
            return
        self._started_at = time.monotonic()
        self._has_succeeded[0] = 0
        with suppress(OSError, RuntimeError):  # RuntimeError: the timer struck while the master writes
            sys.stdout.flush()  # else both would write what is buffered
        self._process = os.fork()
        if self._process == 0:
            self._become(listeners)

    def terminate(self) -> None:
        """Send SIGTERM."""
        if self._is_running():
            os.kill(self._process, signal.SIGTERM)

    def wait(self) -> None:
        """Wait until it has finished its batch, and kill it after 20 s."""
        gives_up_at = time.monotonic() + _STOP_S
        while self._is_running():
            if time.monotonic() > gives_up_at:
                os.kill(self._process, signal.SIGKILL)
            time.sleep(_POLL_S)

    def _is_running(self) -> bool:
        try:
            if self._process != 0 and os.waitpid(self._process, os.WNOHANG) == (0, 0):
                return True
        except ChildProcessError:  # gunicorn has heard of its end first
            pass
        self._process = 0  # another process may get this id
        return False

    def _become(self, listeners: Sequence[socket.socket]) -> NoReturn:
        try:
            os.setsid()  # Ctrl-C is for gunicorn, which stops the relay last, after the last publish
            for name in _SIGNALS:
                signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
            for listener in listeners:
                listener.close()
            _own_name.append(self._command[0].replace("_", "-"))  # prometheus_client splits the names of its files at "_"
            with suppress(OSError):
                Path("/proc/self/comm").write_text(self._command[0])  # its name in `ps` and `top`; Linux alone has it
            self._run()
            atexit._run_exitfuncs()  # noqa: SLF001  # `os._exit` does not run them, and OpenTelemetry sends its last spans there
            sys.stdout.flush()
        finally:
            os._exit(0 if self._has_succeeded[0] else 1)  # whatever happened: past this line it would be a second master

    def _run(self) -> None:
        from django.core.management import CommandError, call_command  # noqa: PLC0415  # gunicorn reads its settings before Django may be loaded

        if self._command[0] == "relay" and os.environ.get("GDMARKET_RELAY_PORT", "0") != "0":
            # It serves its metrics itself; the server serves the others'. What keeps them was decided when it was loaded.
            environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
            os.execve(sys.executable, [sys.executable, str(_MANAGE), *self._command], environment)
        try:
            with suppress(SystemExit):  # it has done its work, and says by its code what it found
                call_command(*self._command)
            self._has_succeeded[0] = 1
        except CommandError as refused:
            print(refused, file=sys.stderr)  # noqa: T201  # as manage.py does
        except BaseException:  # noqa: BLE001  # the edge of a process
            traceback.print_exc()
