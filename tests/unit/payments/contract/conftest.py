"""Every test of this folder runs once for each adapter that has what it needs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fake_provider import FakeProcess
from tests.unit.payments.contract.bench import Bench
from tests.unit.payments.contract.http_bench import HttpBench
from tests.unit.payments.contract.sandbox_bench import SandboxBench
from tests.unit.payments.contract.stripe_bench import StripeBench
from tests.unit.payments.contract.toss_bench import TossBench

BENCHES: dict[str, type[Bench]] = {"sandbox": SandboxBench, "http": HttpBench, "stripe": StripeBench, "toss": TossBench}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test the benches that lack nothing of what `@needs` names."""
    if "bench" in metafunc.fixturenames:
        needed = {feature for mark in metafunc.definition.iter_markers("needs") for feature in mark.args}
        metafunc.parametrize("bench", [name for name, bench in BENCHES.items() if not needed & bench.lacks], indirect=True)


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeProcess]:
    """Return the fake provider of this test process."""
    with FakeProcess(folder=tmp_path_factory.mktemp("fake")) as fake:
        yield fake


@pytest.fixture
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    """Return one adapter and its provider, whole and healthy."""
    makers: dict[str, Callable[[], Bench]] = {
        "sandbox": lambda: SandboxBench(tmp_path),
        "http": lambda: HttpBench(request.getfixturevalue("fake")),
        "stripe": StripeBench,
        "toss": TossBench,
    }
    bench = makers[request.param]()
    yield bench
    bench.close()
