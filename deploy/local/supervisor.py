"""Supervises one process: starts it, and starts it again when it died or no longer answers.

It probes more often than the probes in deploy/kubernetes: here nothing else does.
"""

import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException

from deploy.servers.process import ServerProcess

PERIOD_S = 2.0
TIMEOUT_S = 2.0
FAILURES = 3
START_PERIOD_S = 0.5
START_S = 30.0
_POLL_S = 0.1
_RESTART_PAUSE_S = 1.0


class Supervisor:
    """Keeps one process running until `stop`; `report` is called with each death and kill.

    With a `live_port` it also probes `/health/live` there.
    """

    def __init__(self, *, name: str, process: ServerProcess, report: Callable[[str], None], live_port: int = 0) -> None:
        self.name, self.process, self.live_port = name, process, live_port
        self._report = report
        self._is_over = threading.Event()
        # The kernel ends the process with this thread, which outlives it.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def pid(self) -> int:
        """The process; 0 before the first start."""
        return self.process.pid

    def start(self) -> None:
        """Start supervising, and return at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the process, which has 30 s to finish what it is doing."""
        self.request_stop()
        if self._thread.is_alive():
            self._thread.join()

    def request_stop(self) -> None:
        """Ask for the stop, without waiting."""
        self._is_over.set()

    def is_live(self) -> bool:
        """Say whether the liveness probe is answered."""
        return answers(port=self.live_port, path="/health/live")

    def _run(self) -> None:
        while not self._is_over.is_set():
            began = time.monotonic()
            self.process.start()
            self._watch()
            self.process.kill()  # what is left of its session holds the port, the database and leases
            if time.monotonic() - began < _RESTART_PAUSE_S:
                self._is_over.wait(_RESTART_PAUSE_S)

    def _watch(self) -> None:
        """Return when the process has ended, or must be killed."""
        failures, has_lived = 0, False
        began = probed_at = time.monotonic()
        while not self._is_over.wait(_POLL_S):
            if (code := self.process.exit_code) is not None:
                ended = f"signal {-code}" if code < 0 else f"exit code {code}"
                return self._report(f"{self.name} died ({ended}), and is started again")
            if not self.live_port or time.monotonic() < probed_at + (PERIOD_S if has_lived else START_PERIOD_S):
                continue
            probed_at = time.monotonic()
            is_live = self.is_live()
            has_lived = has_lived or is_live
            failures = 0 if is_live else failures + 1
            if failures >= FAILURES and (has_lived or time.monotonic() > began + START_S):
                return self._report(f"{self.name} failed {failures} liveness probes, is killed and started again")
        self.process.stop()
        return None


def answers(*, port: int, path: str) -> bool:
    """Say whether a GET is answered with 200 within the probe's time-out."""
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
