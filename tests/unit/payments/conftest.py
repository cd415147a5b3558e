"""A gateway with faults, a bus that delivers only on request, a closed breaker."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from deploy.servers.simulator import SimulatorProcess
from gdmarket import breaker
from tests.unit.payments.fake_gateway import FakeGateway, in_use

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _quiet(settings: Settings) -> Iterator[None]:
    """Turn dispatch off, and reset the breaker."""
    settings.GDMARKET_DISPATCH = "off"
    breaker.reset()
    yield
    breaker.reset()


@pytest.fixture
def provider(settings: Settings) -> Iterator[FakeGateway]:
    """Return the gateway that payments call instead of the sandbox."""
    with in_use(settings) as provider:
        yield provider


@pytest.fixture(scope="session")
def simulator_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """Return the simulator of this test process."""
    with SimulatorProcess(folder=tmp_path_factory.mktemp("simulator")) as simulator:
        yield simulator


@pytest.fixture
def environment_with_new_store(process_environment: dict[str, str], settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Return the environment of other processes; there, as here, the sandbox's store is new."""
    settings.GDMARKET_DATA_DIR = tmp_path
    return process_environment | {"GDMARKET_DATA_DIR": str(tmp_path)}
