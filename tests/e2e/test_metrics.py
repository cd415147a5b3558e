"""`GET /metrics` of a server that is several processes: one answers for all."""

import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.served import ROOT, until

Sample = tuple[str, frozenset[tuple[str, str]]]
ITEMS = ("http_requests_total", frozenset({"route": "/api/v1/items", "method": "GET", "status": "2xx"}.items()))


class Server:
    """gunicorn with two workers, without anything beside it."""

    def __init__(self, environment: dict[str, str], port: int) -> None:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            self.port: int = probe.getsockname()[1]
        mine = {"GDMARKET_PORT": str(self.port), "GDMARKET_WORKERS": "2", "GDMARKET_LOG_LEVEL": "ERROR"}
        command = [sys.executable, "-m", "gunicorn", "-c", "python:config.server", "config.wsgi"]
        self.process = psutil.Popen(command, cwd=ROOT, env=environment | mine, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: self.get("/health/live") == "200", "a server that lives")

    def workers(self) -> list[psutil.Process]:
        return list(self.process.children())

    def get(self, path: str) -> str:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return str(answer.read().decode()) if path == "/metrics" else str(answer.status)
        except OSError as refused:
            return str(refused)

    def scrape(self) -> dict[Sample, float]:
        families = text_string_to_metric_families(self.get("/metrics"))
        return {(sample.name, frozenset(sample.labels.items())): sample.value for family in families for sample in family.samples}

    def value(self, name: str, **labels: str) -> float | None:
        return self.scrape().get((name, frozenset(labels.items())))


@contextmanager
def serving(environment: dict[str, str], *, port: int = 0) -> Iterator[Server]:
    server = Server(environment, port)
    try:
        yield server
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)


def test_what_all_workers_count_is_told_by_any_and_outlives_a_worker(process_environment: dict[str, str]) -> None:
    with serving(process_environment) as server:
        for _ in range(20):
            assert server.get("/api/v1/items") == "200"
        assert {server.scrape()[ITEMS] for _ in range(5)} == {20}
        cpu_s = server.value("process_cpu_seconds_total")
        assert server.value("process_count") == 3

        [victim, _] = server.workers()
        victim.kill()
        until(lambda: len(server.workers()) == 2 and victim not in server.workers(), "another worker")
        until(lambda: server.value("process_count") == 3, "three processes")

        assert server.get("/api/v1/items") == "200"
        assert {server.scrape()[ITEMS] for _ in range(5)} == {21}
        # Read by one process each time: never summed over the workers.
        assert {server.value("metrics_source_up", source="bus") for _ in range(5)} == {1}
        assert cpu_s is not None
        assert (server.value("process_cpu_seconds_total") or 0) >= cpu_s
        assert server.value("http_requests_in_flight") == 0


def test_what_a_worker_had_under_way_is_forgotten_when_it_dies(process_environment: dict[str, str]) -> None:
    with serving(process_environment) as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        until(lambda: server.value("http_requests_in_flight") == 1, "a request that waits for its body")

        for worker in server.workers():
            worker.kill()

        until(lambda: server.get("/health/live") == "200", "new workers")
        until(lambda: server.value("http_requests_in_flight") == 0, "no request under way")


def test_a_server_that_starts_anew_counts_anew(process_environment: dict[str, str]) -> None:
    with serving(process_environment) as server:
        server.get("/api/v1/items")
        assert server.scrape()[ITEMS] == 1
    with serving(process_environment, port=server.port) as again:
        assert ITEMS not in again.scrape()


@pytest.mark.parametrize("away", ["refuses", "says nothing"])
def test_a_database_that_is_away_spoils_no_other_numbers(process_environment: dict[str, str], away: str) -> None:
    with socket.socket() as database:
        database.bind(("127.0.0.1", 0))
        if away == "says nothing":
            database.listen()
        url = f"postgresql://u:p@127.0.0.1:{database.getsockname()[1]}/none"
        with serving(process_environment | {"DATABASE_URL": url}) as server:
            found = server.scrape()  # urllib waits for 10 s, as Prometheus does

    sources = {dict(labels)["source"]: value for (name, labels), value in found.items() if name == "metrics_source_up"}
    assert sources == {"bus": 0, "breaker": 0, "rentals": 0, "money": 0, "database default": 0}
    assert ("process_count", frozenset()) in found
    assert not any(name.startswith(("bus_pending", "rentals_", "money_")) for name, _labels in found)
