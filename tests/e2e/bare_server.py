"""gunicorn as a cluster runs it: without sidecars, its output in a file."""

import signal
import socket
import sys
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from deploy.servers.waiting import wait_until
from tests.e2e.served import ROOT

PATIENCE_S = 15.0
LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
# A request whose body is not there yet.
BEGUN = (
    b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{"
)
Sample = tuple[str, frozenset[tuple[str, str]]]


class Server:
    """A server with two workers; `config` is the module of its settings."""

    def __init__(self, environment: dict[str, str], *, port: int, output: Path, config: str = "config.server") -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            self.port: int = probe.getsockname()[1]
        mine = {"GDMARKET_PORT": str(self.port), "GDMARKET_WORKERS": "2"}
        command = [sys.executable, "-m", "gunicorn", "-c", f"python:{config}", "config.wsgi"]
        self.output = output
        self.connections: list[socket.socket] = []
        with output.open("ab") as sink:
            self.process = psutil.Popen(command, cwd=ROOT, env=environment | mine, stdout=sink, stderr=sink)
        wait_until(lambda: self.get("/health/live") == "200", "the server")

    def workers(self) -> list[psutil.Process]:
        """Return its workers."""
        return list(self.process.children())

    def close_connections(self) -> None:
        """Close what `send` opened and nobody has closed: a test that fails leaves it behind."""
        for connection in self.connections:
            connection.close()

    def get(self, path: str) -> str:
        """Return the status that a GET answers, for `/metrics` the body, for no answer the reason."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return str(answer.read().decode()) if path == "/metrics" else str(answer.status)
        except OSError as refused:
            return str(refused)

    def scrape(self) -> dict[Sample, float]:
        """Return the values of `/metrics` by name and labels."""
        families = text_string_to_metric_families(self.get("/metrics"))
        return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        """Return one value of a scrape; None if it is not there."""
        return self.scrape().get((name, frozenset(labels.items())))


Start = Callable[..., Server]


def send(server: Server, data: bytes) -> socket.socket:
    """Open a connection and send this on it; it is closed with the server at the latest."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_S)
    server.connections.append(connection)
    connection.sendall(data)
    return connection


def status_on(connection: socket.socket) -> int:
    """Return the status that is answered, and close; 0 where the connection is closed or reset without an answer."""
    with closing(connection), suppress(ConnectionResetError):
        if answer := connection.recv(4096):
            return int(answer.split()[1])
    return 0


@contextmanager
def serving(environment: dict[str, str], *, output: Path, port: int = 0) -> Iterator[Server]:
    """Serve for the length of the block; then stop by SIGTERM."""
    server = Server(environment, port=port, output=output)
    try:
        yield server
    finally:
        server.close_connections()
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
