"""gunicorn as a cluster runs it: without sidecars, its output in a file."""

import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from prometheus_client.parser import text_string_to_metric_families

from deploy.servers.waiting import wait_until
from tests.e2e.served import ROOT

Sample = tuple[str, frozenset[tuple[str, str]]]


class Server:
    """A server with two workers."""

    def __init__(self, environment: dict[str, str], *, port: int, output: Path) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            self.port: int = probe.getsockname()[1]
        mine = {"GDMARKET_PORT": str(self.port), "GDMARKET_WORKERS": "2"}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:config.server", "config.wsgi"]
        self.output = output
        with output.open("ab") as sink:
            self.process = psutil.Popen(command, cwd=ROOT, env=environment | mine, stdout=sink, stderr=sink)
        wait_until(lambda: self.get("/health/live") == "200", "the server")

    def workers(self) -> list[psutil.Process]:
        """Return its workers."""
        return list(self.process.children())

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


@contextmanager
def serving(environment: dict[str, str], *, output: Path, port: int = 0) -> Iterator[Server]:
    """Serve for the length of the block; then stop by SIGTERM."""
    server = Server(environment, port=port, output=output)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
