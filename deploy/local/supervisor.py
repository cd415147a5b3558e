"""Looks after one process: starts it, and starts it again when it died or lives no more than in name.

It asks more often than the probes in deploy/kubernetes do: here nothing else does.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

PERIOD_S = 2.0
TIMEOUT_S = 2.0
FAILURES = 3
START_PERIOD_S = 0.5
START_S = 30.0
STOP_S = 30.0
_LOOK_S = 0.1
_DIE_WITH_PARENT = Path(__file__).with_name("die_with_parent.py")
_BREATH_S = 1.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """What is to run, and the port where it answers that it lives; without one it lives as long as its process does."""

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    log: Path
    live_port: int = 0


class Supervisor:
    """Keeps one job running until told to stop. `tell` hears of every start, death and kill."""

    def __init__(self, *, job: Job, tell: Callable[[str], None]) -> None:
        self.job = job
        self._tell = tell
        self._is_over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        # The kernel ends the process with this thread, which outlives it.
        self._thread = threading.Thread(target=self._keep, name=job.name, daemon=True)

    @property
    def pid(self) -> int:
        """The process; 0 before the first start."""
        return self._process.pid if self._process else 0

    def start(self) -> None:
        """Begin, and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Let the process finish what it has in hand, for 30 s at most, and see it off."""
        self.request_stop()
        self._thread.join()

    def request_stop(self) -> None:
        """Say so, and do not wait."""
        self._is_over.set()

    def is_live(self) -> bool:
        """Say whether it answers that it lives."""
        return answers(port=self.job.live_port, path="/health/live")

    def _keep(self) -> None:
        while not self._is_over.is_set():
            began = time.monotonic()
            process = self._process = self._spawn()
            self._watch(process)
            # Whatever is left of it holds the port, the database and the leases.
            kill_group(process.pid)
            process.wait()
            if time.monotonic() - began < _BREATH_S:
                self._is_over.wait(_BREATH_S)

    def _watch(self, process: "subprocess.Popen[bytes]") -> None:
        """Return when the process is gone, or must go."""
        failures, has_lived = 0, False
        began = asked_at = time.monotonic()
        while not self._is_over.wait(_LOOK_S):
            if process.poll() is not None:
                return self._tell(f"{self.job.name} died ({_in_words(process.returncode)}), and is started again")
            if not self.job.live_port or time.monotonic() < asked_at + (PERIOD_S if has_lived else START_PERIOD_S):
                continue
            asked_at = time.monotonic()
            lives = self.is_live()
            has_lived = has_lived or lives
            failures = 0 if lives else failures + 1
            if failures >= FAILURES and (has_lived or time.monotonic() > began + START_S):
                return self._tell(f"{self.job.name} did not answer {failures} times, is killed and started again")
        return self._see_off(process)

    def _see_off(self, process: "subprocess.Popen[bytes]") -> None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_S)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        with self.job.log.open("ab") as sink:
            return subprocess.Popen(
                [sys.executable, str(_DIE_WITH_PARENT), *self.job.command],
                cwd=self.job.folder,
                env=self.job.environment,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                start_new_session=True,  # Ctrl-C is for the cluster, which stops all in good order
            )


def answers(*, port: int, path: str) -> bool:
    """Say whether a GET is answered with 200 in time."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def kill_group(leader: int) -> None:
    """Kill a process and all that it started."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
