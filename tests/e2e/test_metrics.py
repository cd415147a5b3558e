"""`GET /metrics` of a server with several processes."""

import socket
from pathlib import Path

import pytest

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import serving

pytestmark = pytest.mark.nightly("sqlite")  # slow

ITEMS = ("http_requests_total", frozenset({"route": "/api/v1/items", "method": "GET", "status": "2xx"}.items()))


def test_every_worker_reports_the_counts_of_all_and_of_those_that_died(process_environment: dict[str, str], tmp_path: Path) -> None:
    with serving(process_environment, output=tmp_path / "log") as server:
        for _ in range(20):
            assert server.get("/api/v1/items") == "200"
        assert {server.scrape()[ITEMS] for _ in range(5)} == {20}

        [victim, _] = server.workers()
        victim.kill()
        wait_until(lambda: len(server.workers()) == 2 and victim not in server.workers(), "another worker")

        assert server.get("/api/v1/items") == "200"
        assert {server.scrape()[ITEMS] for _ in range(5)} == {21}
        # Read by one process each time: never summed over the workers.
        assert {server.value("metrics_source_up", source="bus") for _ in range(5)} == {1}
        assert server.value("http_requests_in_flight") == 0


def test_requests_in_flight_of_a_killed_worker_are_forgotten(process_environment: dict[str, str], tmp_path: Path) -> None:
    with serving(process_environment, output=tmp_path / "log") as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        wait_until(lambda: server.value("http_requests_in_flight") == 1, "a request that waits for its body")

        for worker in server.workers():
            worker.kill()

        wait_until(lambda: server.get("/health/live") == "200", "new workers")
        wait_until(lambda: server.value("http_requests_in_flight") == 0, "no request in flight")
        # Scrapes are not counted themselves, and values of killed workers are not added.
        assert {server.value("http_requests_in_flight") for _ in range(5)} == {0}


def test_a_restarted_server_counts_from_zero(process_environment: dict[str, str], tmp_path: Path) -> None:
    with serving(process_environment, output=tmp_path / "log") as server:
        server.get("/api/v1/items")
        assert server.scrape()[ITEMS] == 1
    with serving(process_environment, output=tmp_path / "log", port=server.port) as again:
        assert ITEMS not in again.scrape()


@pytest.mark.parametrize("failure", ["refuses", "hangs"])
def test_metrics_are_served_while_the_database_is_down(process_environment: dict[str, str], tmp_path: Path, failure: str) -> None:
    with socket.socket() as database:
        database.bind(("127.0.0.1", 0))
        if failure == "hangs":
            database.listen()
        url = f"postgresql://u:p@127.0.0.1:{database.getsockname()[1]}/none"
        with serving(process_environment | {"DATABASE_URL": url}, output=tmp_path / "log") as server:
            found = server.scrape()  # urllib waits for 10 s, as Prometheus does

    sources = {dict(labels)["source"]: value for (name, labels), value in found.items() if name == "metrics_source_up"}
    assert sources == {"bus": 0, "breaker": 0, "rentals": 0, "money": 0, "database default": 0}
    assert any(name == "gdmarket_build_info" for name, _labels in found)
    assert not any(name.startswith(("bus_pending", "rentals_", "money_")) for name, _labels in found)
