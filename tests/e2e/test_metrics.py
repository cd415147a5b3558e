"""`GET /metrics` of a server that is several processes: one answers for all."""

import socket
from pathlib import Path

import pytest

from deploy.servers.waiting import wait_until
from tests.e2e.bare_server import serving

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

ITEMS = ("http_requests_total", frozenset({"route": "/api/v1/items", "method": "GET", "status": "2xx"}.items()))


def test_what_all_workers_count_is_reported_by_any_and_outlives_a_worker(process_environment: dict[str, str], tmp_path: Path) -> None:
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


def test_what_a_worker_had_under_way_is_forgotten_when_it_dies(process_environment: dict[str, str], tmp_path: Path) -> None:
    with serving(process_environment, output=tmp_path / "log") as server, socket.create_connection(("127.0.0.1", server.port)) as slow:
        slow.sendall(b"POST /api/v1/auth/token HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{")
        wait_until(lambda: server.value("http_requests_in_flight") == 1, "a request that waits for its body")

        for worker in server.workers():
            worker.kill()

        wait_until(lambda: server.get("/health/live") == "200", "new workers")
        wait_until(lambda: server.value("http_requests_in_flight") == 0, "no request under way")
        # It stays so: what asks for it is not counted itself, and nobody adds up what the dead have left.
        assert {server.value("http_requests_in_flight") for _ in range(5)} == {0}


def test_a_server_that_starts_anew_counts_anew(process_environment: dict[str, str], tmp_path: Path) -> None:
    with serving(process_environment, output=tmp_path / "log") as server:
        server.get("/api/v1/items")
        assert server.scrape()[ITEMS] == 1
    with serving(process_environment, output=tmp_path / "log", port=server.port) as again:
        assert ITEMS not in again.scrape()


@pytest.mark.parametrize("away", ["refuses", "says nothing"])
def test_a_database_that_is_away_spoils_no_other_numbers(process_environment: dict[str, str], tmp_path: Path, away: str) -> None:
    with socket.socket() as database:
        database.bind(("127.0.0.1", 0))
        if away == "says nothing":
            database.listen()
        url = f"postgresql://u:p@127.0.0.1:{database.getsockname()[1]}/none"
        with serving(process_environment | {"DATABASE_URL": url}, output=tmp_path / "log") as server:
            found = server.scrape()  # urllib waits for 10 s, as Prometheus does

    sources = {dict(labels)["source"]: value for (name, labels), value in found.items() if name == "metrics_source_up"}
    assert sources == {"bus": 0, "breaker": 0, "rentals": 0, "money": 0, "database default": 0}
    assert any(name == "gdmarket_build_info" for name, _labels in found)
    assert not any(name.startswith(("bus_pending", "rentals_", "money_")) for name, _labels in found)
