"""The fake provider as a process of its own, for tests, the campaign and the harness: started, stopped, killed, hurt, and asked.

with FakeProcess(folder=tmp_path) as fake:
    settings.GDMARKET_PAYMENT_GATEWAY, settings.GDMARKET_PAYMENT_URL = "http", fake.url
    fake.set_faults({"do": "answer_lost", "call": "charge", "times": 1})
    …
    fake.kill(); fake.start()  # at the same address, with the same book
    assert fake.stats()["book"]["charged"] == 1
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

from apps.payments.gateways.port import ChargeRecord
from apps.payments.gateways.sandbox_store import SandboxStore

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_S = 30.0
_LISTENS = re.compile(r"^fake provider: listening on http://[\d.]+:(\d+), faults on http://[\d.]+:(\d+)$", re.MULTILINE)


class FakeProcess:
    """A `manage.py fake_provider` with its book and its output in `folder`. Its ports are picked at the first start, and kept."""

    def __init__(
        self,
        *,
        folder: Path,
        webhook_url: str = "",
        webhook_secret: str = "",
        environment: Mapping[str, str] | None = None,
        verbosity: int = 1,
    ) -> None:
        self.book = folder / "fake_provider.sqlite3"
        self.output = folder / "fake_provider.log"
        self.port = 0
        self.control_port = 0
        self._environment = {**(os.environ if environment is None else environment), "DJANGO_SETTINGS_MODULE": "config.settings"}
        self._options = ["--webhook-url", webhook_url, "--webhook-secret", webhook_secret, "--verbosity", str(verbosity)]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._process is not None:
            self.kill()

    @property
    def url(self) -> str:
        """Where its customers call: GDMARKET_PAYMENT_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Start it, and wait until it listens."""
        assert self._process is None
        command = [sys.executable, "manage.py", "fake_provider", "--book", str(self.book), *self._options]
        command += ["--port", str(self.port), "--control-port", str(self.control_port)]
        began_at = self.output.stat().st_size if self.output.exists() else 0
        with self.output.open("ab") as sink:
            self._process = subprocess.Popen(command, cwd=ROOT, env=self._environment, stdout=sink, stderr=sink)
        deadline = time.monotonic() + PATIENCE_S
        while not (listens := _LISTENS.search(self.output.read_text(), began_at)):
            assert self._process.poll() is None, self.output.read_text()
            assert time.monotonic() < deadline, self.output.read_text()
            time.sleep(0.02)
        self.port, self.control_port = (int(port) for port in listens.groups())

    def stop(self) -> int:
        """End it in good order; return its exit code."""
        return self._end(subprocess.Popen.terminate)

    def kill(self) -> int:
        """End it as a power cut does."""
        return self._end(subprocess.Popen.kill)

    def set_faults(self, *faults: Mapping[str, Any]) -> None:
        """Let these things go wrong from now on, and nothing else: `{"do": "reset", "call": "charge", "times": 1}`."""
        self._control("PUT", "/v1/faults", {"faults": [dict(fault) for fault in faults]})

    def faults(self) -> list[dict[str, Any]]:
        """Return what is set to go wrong, with the times that are left."""
        faults: list[dict[str, Any]] = self._control("GET", "/v1/faults")["faults"]
        return faults

    def clear_faults(self) -> None:
        """Let nothing go wrong any more."""
        self._control("DELETE", "/v1/faults")

    def go_down(self, *, for_s: float | None = None) -> None:
        """Let it refuse connections, for so long or until `come_up`."""
        self._control("PUT", "/v1/down", {"for_s": for_s})

    def come_up(self) -> None:
        """Let it take connections again."""
        self._control("DELETE", "/v1/down")

    def stats(self) -> dict[str, Any]:
        """Return what it has seen since its start, and what its book holds in all."""
        return self._control("GET", "/v1/stats")

    def record(self, key: UUID) -> ChargeRecord:
        """Return what its book says under a key, read behind its back."""
        return SandboxStore(path=self.book).lookup(key=key, deadline_s=PATIENCE_S)

    def _end(self, order: Any) -> int:
        assert self._process is not None
        order(self._process)
        code = self._process.wait(PATIENCE_S)
        self._process = None
        return code

    def _control(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        data = None if body is None else json.dumps(body, default=str).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.control_port}{path}", data=data, method=verb)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
