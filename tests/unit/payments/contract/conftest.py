"""Every test of this folder runs once for each adapter that has what it needs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.unit.payments.contract.harness import AdapterHarness
from tests.unit.payments.contract.http_harness import HttpHarness
from tests.unit.payments.contract.sandbox_harness import SandboxHarness
from tests.unit.payments.contract.stripe_harness import StripeHarness
from tests.unit.payments.contract.toss_harness import TossHarness

HARNESSES: dict[str, type[AdapterHarness]] = {"sandbox": SandboxHarness, "http": HttpHarness, "stripe": StripeHarness, "toss": TossHarness}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with each harness that supports what `@needs` names."""
    if "harness" in metafunc.fixturenames:
        needed = {feature for mark in metafunc.definition.iter_markers("needs") for feature in mark.args}
        metafunc.parametrize("harness", [name for name, harness in HARNESSES.items() if not needed & harness.unsupported], indirect=True)


@pytest.fixture
def harness(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AdapterHarness]:
    """Return one adapter and its provider, without faults."""
    makers: dict[str, Callable[[], AdapterHarness]] = {
        "sandbox": lambda: SandboxHarness(tmp_path),
        "http": lambda: HttpHarness(request.getfixturevalue("simulator_process")),
        "stripe": StripeHarness,
        "toss": TossHarness,
    }
    harness = makers[request.param]()
    yield harness
    harness.close()
