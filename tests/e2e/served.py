"""A server as real processes, started as `./dev run` does."""

import subprocess
import sys
import urllib.request
from pathlib import Path

import psutil

from deploy.servers.ports import free_port
from deploy.servers.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 60.0
_LONGEST_NAME = 15  # Linux keeps no more of it


def name_of(process: psutil.Process) -> str:
    """Return its name, or "" if it has ended."""
    try:
        return str(process.name())
    except psutil.NoSuchProcess:  # it died meanwhile
        return ""


class Served:
    """A running server with its sidecars."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        self.port = free_port()
        self.output = output
        self.counts = output.parent / "counts"
        mine = {"GDMARKET_PORT": str(self.port), "GDMARKET_LOG_LEVEL": "INFO", "PROMETHEUS_MULTIPROC_DIR": str(self.counts)}
        self.environment = environment | mine
        with output.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.serve"], cwd=ROOT, env=self.environment, stdout=sink, stderr=sink, start_new_session=True
            )
        wait_until(lambda: "Ctrl-C stops everything." in output.read_text() or self.process.poll() is not None, "the welcome")
        assert self.process.poll() is None, output.read_text()
        self.master = psutil.Process(self.process.pid)
        wait_until(lambda: bool(self.relays()), "a relay")

    def relays(self) -> list[psutil.Process]:
        """Return the relays that run beside this server."""
        return self.beside("relay")

    def beside(self, command: str) -> list[psutil.Process]:
        """Return the processes of a management command that run beside this server."""
        return [child for child in self.master.children() if name_of(child) == command[:_LONGEST_NAME]]

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer requests: the children that are no sidecars."""
        beside = {command[:_LONGEST_NAME] for command in ("relay", "reconcile_payments")} | {""}
        return [child for child in self.master.children() if name_of(child) not in beside]

    def status_of(self, path: str) -> int:
        """Return the status that a GET answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as answer:
            status: int = answer.status
            return status

    def family(self) -> list[psutil.Process]:
        """Return every process of the tree."""
        return [self.master, *self.master.children(recursive=True)]
