"""Management commands beside the server: children of gunicorn's master, forked from it, so that they share what it has loaded."""

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
_POLL_S = 0.05
# Those that gunicorn's master handles.
_SIGNALS = ("HUP", "QUIT", "INT", "TERM", "TTIN", "TTOU", "USR1", "USR2", "WINCH", "CHLD", "ALRM")


class Sidecar:
    """A management command that is begun anew whenever it has ended, but so many seconds after it was begun last."""

    def __init__(self, *command: str, after_s: float = 0.0, every_s: float = 0.0) -> None:
        self._command = command
        self._due_at = time.monotonic() + after_s
        self._every_s = every_s
        self._process = 0

    def ensure_running(self, *, listeners: Sequence[socket.socket]) -> None:
        """Begin it if it is due and not running; `listeners` are the server's, which it must not keep open."""
        if time.monotonic() >= self._due_at and not self._is_running():
            self._due_at = time.monotonic() + self._every_s
            self._process = os.fork()
            if self._process == 0:
                self._become(listeners)

    def terminate(self) -> None:
        """Tell it to end."""
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
            return self._process != 0 and os.waitpid(self._process, os.WNOHANG) == (0, 0)
        except ChildProcessError:  # gunicorn has heard of its end first
            return False

    def _become(self, listeners: Sequence[socket.socket]) -> NoReturn:
        code: int | str | None = 1
        try:
            os.setsid()  # Ctrl-C is for gunicorn, which stops the relay last, after the last publish
            for name in _SIGNALS:
                signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_DFL)
            for listener in listeners:
                listener.close()
            with suppress(OSError):
                Path("/proc/self/comm").write_text(self._command[0])  # its name in `ps` and `top`; Linux alone has it
            self._run()
            code = 0
        except SystemExit as ended:
            code = ended.code
        except BaseException:  # noqa: BLE001  # the edge of a process
            traceback.print_exc()
        finally:
            if isinstance(code, str):
                print(code, file=sys.stderr)  # noqa: T201  # as Python does
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code if isinstance(code, int) else int(code is not None))

    def _run(self) -> None:
        from django.core.management import call_command  # noqa: PLC0415  # gunicorn reads its settings before Django may be loaded

        if self._command[0] == "relay" and os.environ.get("GDMARKET_RELAY_PORT", "0") != "0":
            # It serves its metrics itself; the server serves the others'. What keeps them was decided when it was loaded.
            environment = {name: value for name, value in os.environ.items() if name != "PROMETHEUS_MULTIPROC_DIR"}
            os.execve(sys.executable, [sys.executable, str(_MANAGE), *self._command], environment)
        call_command(*self._command)
