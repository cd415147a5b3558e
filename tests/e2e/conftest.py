"""Running servers."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.bare_server import Server, Start
from tests.e2e.served import Served
from tests.factories.accounts import UserFactory


@pytest.fixture
def served(process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path) -> Iterator[Served]:
    people(renter=True)  # a database with users gets no demo
    market = Served(process_environment, tmp_path / "output")
    family = market.family()
    yield market
    for process in {*family, *(market.family() if market.master.is_running() else [])}:
        if process.is_running():
            process.kill()
    market.process.wait()


@pytest.fixture
def start(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Return what starts a server with these settings; it is killed after the test."""
    servers: list[Server] = []

    def start(*, config: str = "config.server", **settings: str) -> Server:
        environment = process_environment | {"GDMARKET_LOG_LEVEL": "INFO"} | settings
        servers.append(Server(environment, port=0, output=tmp_path / "output", config=config))
        return servers[-1]

    yield start
    for server in servers:
        server.close_connections()
        family = [server.process, *server.process.children(recursive=True)] if server.process.is_running() else []
        for process in family:
            process.kill()
        server.process.wait()
