"""The gateway of deploy/gateway on this machine, controlled through HAProxy's runtime API."""

import csv
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.supervisor import Supervisor
from deploy.servers.process import ServerProcess
from deploy.servers.waiting import wait_until

CONFIGURATION = Path(__file__).resolve().parent.parent / "gateway" / "haproxy.cfg"
SLOTS = 16
# What the control does without: health checks and retries.
_CONTROL = {"default-server check inter 1s fall 2 rise 1 ": "default-server ", "retries 2": "retries 0", "option redispatch 1": ""}


class GatewayError(RuntimeError):
    """HAProxy refused a command."""


class Gateway:
    """HAProxy at a port. Servers have slots, `web1` to `web16`, which are filled while it runs.

    A `control` checks no server and tries nothing again.
    """

    def __init__(self, *, port: int, folder: Path, report: Callable[[str], None], control: bool = False) -> None:
        self.port = port
        self._name = "control" if control else "gateway"
        self.log = folder / f"{self._name}.log"
        self._socket = folder / f"{self._name}.sock"
        self._configuration = _write_control_configuration(folder) if control else CONFIGURATION
        self._folder, self._report = folder, report
        self._supervisor: Supervisor | None = None

    @property
    def pid(self) -> int:
        """HAProxy's process; 0 before the start."""
        return self._supervisor.pid if self._supervisor else 0

    def start(self, *, environment: Mapping[str, str]) -> None:
        """Start HAProxy, and wait until it takes commands; `environment` may set what the head of haproxy.cfg lists."""
        process = ServerProcess(
            [haproxy(), "-db", "-f", str(self._configuration)],
            log=self.log,
            folder=self._folder,
            environment={**os.environ, **environment, "GATEWAY_BIND": f"127.0.0.1:{self.port}", "GATEWAY_SOCKET": str(self._socket)},
        )
        self._supervisor = Supervisor(name=self._name, process=process, report=self._report)
        self._supervisor.start()
        wait_until(self._is_listening, f"the gateway to start: see {self.log}")

    def stop(self) -> None:
        """Stop it."""
        if self._supervisor is not None:
            self._supervisor.stop()

    def enable(self, *, slot: str, port: int) -> None:
        """Send requests to a server that is ready, and wait until the gateway has found it up."""
        self._command(f"set server web/{slot} addr 127.0.0.1 port {port}")
        self._command(f"set server web/{slot} state ready")
        wait_until(lambda: self.slot_status(slot)["status"] in {"UP", "no check"}, f"the gateway to find {slot} up")
        self._save_server_state()

    def drain(self, *, slot: str) -> None:
        """Send no more requests to a server, and wait until it has none in progress."""
        self._command(f"set server web/{slot} state drain")
        wait_until(lambda: self.slot_status(slot)["scur"] == "0", f"the gateway to drain {slot}")

    def disable(self, *, slot: str) -> None:
        """Free a server's slot."""
        self._command(f"set server web/{slot} state maint")
        self._save_server_state()

    def slot_status(self, slot: str) -> dict[str, str]:
        """Return HAProxy's statistics of a slot (`show stat`)."""
        table = self._command("show stat").removeprefix("# ")
        return next(row for row in csv.DictReader(table.splitlines()) if (row["pxname"], row["svname"]) == ("web", slot))

    def _save_server_state(self) -> None:
        """Save where the servers are, for a HAProxy that is started again."""
        Path(f"{self._socket}.servers").write_text(self._command("show servers state") + "\n")

    def _command(self, command: str) -> str:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self._socket))
            connection.sendall(f"{command}\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode().strip()
        if command.startswith("set") and answer and not answer.startswith(("IP changed", "port changed", "no need", "nothing changed")):
            raise GatewayError(f"{command}: {answer}")
        return answer

    def _is_listening(self) -> bool:
        try:
            return bool(self._command("show info"))
        except OSError:
            return False


def haproxy() -> str:
    """Return the path of HAProxy; exits where it is not installed."""
    return shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin") or sys.exit("HAProxy is missing: apt-get install haproxy")


def _write_control_configuration(folder: Path) -> Path:
    text = CONFIGURATION.read_text()
    for setting, replacement in _CONTROL.items():
        assert setting in text, setting
        text = text.replace(setting, replacement)
    copy = folder / "control.cfg"
    copy.write_text(text)
    return copy
