"""A server in a process of its own: started, awaited, stopped, and never left behind."""

import ctypes
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypedDict

from deploy.servers.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
_LOG_LINES = 30
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class User(TypedDict, total=False):
    """The user a process runs as, in subprocess's terms; empty: our own."""

    user: int
    group: int
    extra_groups: list[int]


class ServerNotStartedError(RuntimeError):
    """A server did not start; the message ends with its log."""


class ServerProcess:
    """One process in a session of its own, so that Ctrl-C reaches only us. The kernel ends it with the thread that started it.

    `death_signal` is what the kernel sends then (prctl(2); Linux only).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        folder: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        user: User | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> None:
        self.command, self.log = list(command), log
        self._folder, self._environment, self._user, self._death_signal = folder, environment, user or User(), death_signal
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process; 0 before the first start."""
        return self._process.pid if self._process else 0

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs or before the first start."""
        return self._process.poll() if self._process else None

    def start(self, *, is_ready: Callable[[], bool] | None = None, timeout_s: float = 60.0) -> None:
        """Start it, and with `is_ready` wait until that is true.

        :raises ServerNotStartedError: if it ends first, or is not ready in time
        """
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                cwd=self._folder,
                env=self._environment,
                **self._user,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=self._prepare_child,  # noqa: PLW1509  # it takes no lock: two system calls, through a library loaded before
            )
        if is_ready is not None:
            self.wait_until_ready(is_ready, timeout_s=timeout_s)

    def stop(self, *, timeout_s: float = 30.0, order: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, kill what is left of its session, and return the exit code; safe to call twice."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(order)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout_s)
        return self.kill()

    def kill(self) -> int:
        """Kill it and all that it started; return the exit code."""
        if self._process is None:
            return 0
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def log_tail(self) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_LINES:])

    def _prepare_child(self) -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job ignores it, and its children would, too
        if sys.platform == "linux":
            _libc.prctl(_PR_SET_PDEATHSIG, self._death_signal)

    def wait_until_ready(self, is_ready: Callable[[], bool], *, timeout_s: float = 60.0) -> None:
        """Wait until `is_ready`; raises ServerNotStartedError as `start` does."""
        try:
            wait_until(lambda: self.exit_code is not None or is_ready(), self.command[0], timeout_s=timeout_s)
        except TimeoutError as late:
            self.kill()
            raise ServerNotStartedError(f"{late}\n{self.log_tail()}") from late
        if self.exit_code is not None:
            raise ServerNotStartedError(f"{self.command[0]} ended with {self.exit_code}:\n{self.log_tail()}")


def unprivileged() -> User:
    """Return the user for a server that refuses root, as PostgreSQL does: nobody when we are root, else ourselves."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
