"""The gateway of deploy/gateway on this machine: started, told who serves, and asked how it sees them."""

import csv
import os
import shutil
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from deploy.local.supervisor import Job, Supervisor
from deploy.servers.waiting import wait_until

CONFIGURATION = Path(__file__).resolve().parent.parent / "gateway" / "haproxy.cfg"
SLOTS = 16
# What a deployment must not do without: `./dev rollout --control` shows what is lost then.
_WITHOUT = {"default-server check inter 1s fall 2 rise 1 ": "default-server ", "retries 2": "retries 0", "option redispatch 1": ""}


class GatewayError(RuntimeError):
    """The gateway did not do as it was told."""


class Gateway:
    """HAProxy at a port. Servers stand in slots, `web1` to `web16`, which are filled while it runs.

    The one called "control" does without what keeps requests from being lost.
    """

    def __init__(self, *, port: int, folder: Path, tell: Callable[[str], None], name: str = "gateway") -> None:
        self.port = port
        self.log = folder / f"{name}.log"
        self._name = name
        self._socket = folder / f"{name}.sock"
        self._configuration = _write_control_configuration(folder) if name == "control" else CONFIGURATION
        self._folder = folder
        self._tell = tell
        self._supervisor: Supervisor | None = None

    @property
    def pid(self) -> int:
        """HAProxy's process; 0 before the start."""
        return self._supervisor.pid if self._supervisor else 0

    def start(self, *, environment: Mapping[str, str]) -> None:
        """Start HAProxy, and wait until it takes orders; `environment` may set what the head of haproxy.cfg lists."""
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if program is None:
            sys.exit("HAProxy is missing, which is the gateway: apt-get install haproxy, or brew install haproxy.")
        job = Job(
            name=self._name,
            command=[program, "-db", "-f", str(self._configuration)],
            folder=self._folder,
            environment={**os.environ, **environment, "GATEWAY_BIND": f"127.0.0.1:{self.port}", "GATEWAY_SOCKET": str(self._socket)},
            log=self.log,
        )
        self._supervisor = Supervisor(job=job, tell=self._tell)
        self._supervisor.start()
        wait_until(self._is_listening, f"the gateway to start: see {self.log}")

    def stop(self) -> None:
        """Stop it at once."""
        if self._supervisor is not None:
            self._supervisor.stop()

    def enable(self, *, slot: str, port: int) -> None:
        """Send requests to a server that is ready, and wait until the gateway has seen so itself."""
        self._command(f"set server web/{slot} addr 127.0.0.1 port {port}")
        self._command(f"set server web/{slot} state ready")
        wait_until(lambda: self.slot_status(slot)["status"] in {"UP", "no check"}, f"the gateway to find {slot} up")
        self._save_server_state()

    def drain(self, *, slot: str) -> None:
        """Send no more requests to a server, and wait until none is under way there."""
        self._command(f"set server web/{slot} state drain")
        wait_until(lambda: self.slot_status(slot)["scur"] == "0", f"the gateway to drain {slot}")

    def disable(self, *, slot: str) -> None:
        """Free a server's slot."""
        self._command(f"set server web/{slot} state maint")
        self._save_server_state()

    def slot_status(self, slot: str) -> dict[str, str]:
        """Return how the gateway sees a slot, in HAProxy's own words (`show stat`)."""
        table = self._command("show stat").removeprefix("# ")
        return next(row for row in csv.DictReader(table.splitlines()) if (row["pxname"], row["svname"]) == ("web", slot))

    def _save_server_state(self) -> None:
        """Write down where the servers are, for a HAProxy that is started again."""
        Path(f"{self._socket}.servers").write_text(self._command("show servers state") + "\n")

    def _command(self, words: str) -> str:
        with socket.socket(socket.AF_UNIX) as line:
            line.connect(str(self._socket))
            line.sendall(f"{words}\n".encode())
            told = b"".join(iter(lambda: line.recv(65536), b"")).decode().strip()
        if words.startswith("set") and told and not told.startswith(("IP changed", "port changed", "no need", "nothing changed")):
            raise GatewayError(f"{words}: {told}")
        return told

    def _is_listening(self) -> bool:
        try:
            return bool(self._command("show info"))
        except OSError:
            return False


def _write_control_configuration(folder: Path) -> Path:
    """Return a copy of the configuration that checks no server and tries nothing again."""
    text = CONFIGURATION.read_text()
    for setting, replacement in _WITHOUT.items():
        assert setting in text, setting
        text = text.replace(setting, replacement)
    copy = folder / "control.cfg"
    copy.write_text(text)
    return copy
