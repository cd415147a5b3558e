"""A provider that tests bend, a bus that delivers only when told to, a breaker without a past."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pytest_django import Settings

from gdmarket import breaker
from tests.unit.payments.fake_gateway import FakeGateway, in_use

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def quiet(settings: Settings) -> Iterator[None]:
    """Deliver nothing by itself, and forget what earlier tests did to the breaker."""
    settings.GDMARKET_DISPATCH = "off"
    breaker.reset()
    yield
    breaker.reset()


@pytest.fixture
def provider(settings: Settings) -> Iterator[FakeGateway]:
    """Return the provider that payments ask, instead of the sandbox."""
    with in_use(settings) as provider:
        yield provider


@pytest.fixture
def environment_with_a_new_book(process_environment: dict[str, str], settings: Settings, tmp_path: Path) -> dict[str, str]:
    """Return the environment of other processes in which, as in this one, the sandbox's book is empty."""
    settings.GDMARKET_DATA_DIR = tmp_path
    return process_environment | {"GDMARKET_DATA_DIR": str(tmp_path)}
