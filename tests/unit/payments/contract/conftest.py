"""Every test of this folder runs once for each adapter that has what it needs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.servers.simulator import SimulatorProcess
from tests.unit.payments.contract.harness import AdapterHarness
from tests.unit.payments.contract.http_harness import HttpHarness
from tests.unit.payments.contract.sandbox_harness import SandboxHarness
from tests.unit.payments.contract.stripe_harness import StripeHarness
from tests.unit.payments.contract.toss_harness import TossHarness

HARNESSES: dict[str, type[AdapterHarness]] = {"sandbox": SandboxHarness, "http": HttpHarness, "stripe": StripeHarness, "toss": TossHarness}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test the benches that lack nothing of what `@needs` names."""
    if "harness" in metafunc.fixturenames:
        needed = {feature for mark in metafunc.definition.iter_markers("needs") for feature in mark.args}
        metafunc.parametrize("harness", [name for name, harness in HARNESSES.items() if not needed & harness.unsupported], indirect=True)


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatorProcess]:
    """Return the simulator of this test process."""
    with SimulatorProcess(folder=tmp_path_factory.mktemp("fake")) as fake:
        yield fake


@pytest.fixture
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AdapterHarness]:
    """Return one adapter and its provider, whole and healthy."""
    makers: dict[str, Callable[[], AdapterHarness]] = {
        "sandbox": lambda: SandboxHarness(tmp_path),
        "http": lambda: HttpHarness(request.getfixturevalue("fake")),
        "stripe": StripeHarness,
        "toss": TossHarness,
    }
    harness = makers[request.param]()
    yield harness
    harness.close()
