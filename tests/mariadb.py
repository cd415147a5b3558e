"""A MariaDB server of the tests' own: on a free port, in a temporary directory, gone when the tests are. Its programs are the system's."""

import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from deploy.servers.ports import free_port
from deploy.servers.process import ServerNotStartedError, identity, start

# Nothing here outlives the tests, so nothing is written with care.
_OPTIONS = {
    "bind-address": "127.0.0.1",
    "character-set-server": "utf8mb4",
    "innodb-flush-log-at-trx-commit": "0",
    "innodb-doublewrite": "0",
    "innodb-fast-shutdown": "2",
    "max-connections": "200",
    "performance-schema": "0",
}


class MariadbServer:
    """One throw-away server; `url` names its database once `start` has returned."""

    def __init__(self) -> None:
        """Prepare one.

        :raises ServerNotStartedError: where MariaDB is not installed
        """
        self._programs = {name: _program(name) for name in ("mariadb-install-db", "mariadbd")}
        self._home = Path(tempfile.mkdtemp(prefix="gdmarket-mariadb-"))
        self._identity = identity()
        if self._identity:
            shutil.chown(self._home, self._identity["user"], self._identity["group"])
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Make its data directory, start it and wait until it takes connections.

        :raises ServerNotStartedError: with the end of the server's log
        """
        made = subprocess.run(
            [
                self._programs["mariadb-install-db"],
                "--no-defaults",
                f"--datadir={self._home / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            cwd=self._home,
            **self._identity,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise ServerNotStartedError(f"mariadb-install-db failed:\n{made.stdout}{made.stderr}")
        first = self._home / "first.sql"
        first.write_text(
            f"CREATE USER gdmarket@'127.0.0.1' IDENTIFIED BY '{self._password}';\n"
            "GRANT ALL ON *.* TO gdmarket@'127.0.0.1';\nDROP USER root@localhost;\nCREATE DATABASE status_view CHARACTER SET utf8mb4;\n"
        )
        if self._identity:
            shutil.chown(first, self._identity["user"], self._identity["group"])
        port = free_port()
        command = self._command(port, first)
        self._process = start(command, home=self._home, as_whom=self._identity, port=port, ready="ready for connections")
        self.url = f"mysql://gdmarket:{self._password}@127.0.0.1:{port}/status_view"

    def stop(self) -> None:
        """Stop the server and remove everything it wrote; safe to call twice."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _command(self, port: int, first: Path) -> list[str]:
        own = {
            "datadir": str(self._home / "data"),
            "port": str(port),
            "socket": str(self._home / "socket"),
            "pid-file": str(self._home / "pid"),
            "init-file": str(first),
        }
        options = [f"--{name}={value}" for name, value in {**_OPTIONS, **own}.items()]
        return [self._programs["mariadbd"], "--no-defaults", "--skip-name-resolve", "--skip-log-bin", *options]


def _program(name: str) -> str:
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin:/usr/libexec")
    if found is None:
        raise ServerNotStartedError(f"{name} was not found. On Debian and Ubuntu: apt-get install mariadb-server")
    return found
