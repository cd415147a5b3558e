"""The payment simulator as a process: started, stopped, killed, given faults, and read."""

import json
import re
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from apps.payments.gateways.port import ChargeRecord
from apps.payments.gateways.sandbox_store import SandboxStore
from deploy.servers.process import ServerProcess

TIMEOUT_S = 30.0
_LISTENS = re.compile(r"^simulator: listening on http://[\d.]+:(\d+), faults on http://[\d.]+:(\d+)$", re.MULTILINE)


class SimulatorProcess:
    """A `python -m deploy.simulator` with its store and log in `folder`. Its ports are picked at the first start, and kept."""

    def __init__(self, *, folder: Path, webhook_url: str = "", webhook_secret: str = "", quiet: bool = False) -> None:
        self.store = folder / "fake_provider.sqlite3"
        self.log = folder / "simulator.log"
        self.port = self.control_port = 0
        self._options = ["--store", str(self.store), "--webhook-url", webhook_url, "--webhook-secret", webhook_secret]
        self._options += ["--quiet"] if quiet else []
        self._process = ServerProcess([], log=self.log)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.kill()

    @property
    def url(self) -> str:
        """Where customers call: GDMARKET_PAYMENT_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it listens."""
        ports = ["--port", str(self.port), "--control-port", str(self.control_port)]
        self._process.command = [sys.executable, "-m", "deploy.simulator", *self._options, *ports]
        began_at = self.log.stat().st_size if self.log.exists() else 0
        self._process.start(is_ready=lambda: _LISTENS.search(self.log.read_text(), began_at) is not None, timeout_s=TIMEOUT_S)
        listens = _LISTENS.search(self.log.read_text(), began_at)
        self.port, self.control_port = (int(port) for port in listens.groups()) if listens else (0, 0)

    def stop(self) -> int:
        """Stop it by SIGTERM; return its exit code."""
        return self._process.stop(timeout_s=TIMEOUT_S)

    def kill(self) -> int:
        """Kill it; return its exit code."""
        return self._process.kill()

    def set_faults(self, *faults: Mapping[str, Any]) -> None:
        """Activate these faults and no others: `{"do": "reset", "call": "charge", "times": 1}`."""
        self._control("PUT", "/v1/faults", {"faults": [dict(fault) for fault in faults]})

    def faults(self) -> list[dict[str, Any]]:
        """Return the active faults, with the times that are left."""
        faults: list[dict[str, Any]] = self._control("GET", "/v1/faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Deactivate every fault."""
        self._control("DELETE", "/v1/faults")

    def go_down(self, *, for_s: float | None = None) -> None:
        """Refuse connections, for so many seconds or until `come_up`."""
        self._control("PUT", "/v1/down", {"for_s": for_s})

    def come_up(self) -> None:
        """Take connections again."""
        self._control("DELETE", "/v1/down")

    def stats(self) -> dict[str, Any]:
        """Return what it has seen since its start, and the totals of its store."""
        return self._control("GET", "/v1/stats")

    def record(self, key: UUID) -> ChargeRecord:
        """Return the store's record under a key, without a call."""
        return SandboxStore(path=self.store).lookup(key=key, deadline_s=TIMEOUT_S)

    def _control(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body, default=str).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control_port}{path}", data=data, method=verb)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            answer: dict[str, Any] = json.load(response)
            return answer
