"""A running server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

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
