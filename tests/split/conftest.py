"""Fixtures for sample subscriptions and `manage.py bus`."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connections
from django.db.models import F
from django.utils.module_loading import import_string

from gdmarket import databases
from gdmarket.bus import forwarding, registry, subscriptions
from gdmarket.bus.models import Delivery
from gdmarket.bus.registry import Handler
from tests.acceptance.conftest import Market, market
from tests.split.sample import CLOSED_PORT, received_tables

__all__ = ["Market", "market"]

Subscribe = Callable[[Mapping[type, Sequence[Handler]]], None]


def _write_subscriptions() -> None:
    for alias in databases.aliases():
        subscriptions.write_subscriptions(using=alias)


@pytest.fixture
def subscribe(transactional_db: None, settings: Any) -> Iterator[Subscribe]:
    """Return a function that replaces all subscriptions; dispatch is off, so that a test drains when it needs to."""
    settings.GDMARKET_DISPATCH = "off"

    def connect(handlers: Mapping[type, Sequence[Handler]]) -> None:
        registry.connect(handlers)
        _write_subscriptions()

    with received_tables():
        yield connect
    registry.connect(import_string(configured.GDMARKET_SUBSCRIPTIONS))
    _write_subscriptions()
    for alias in databases.aliases():
        forwarding._unreachable.discard(alias)


@pytest.fixture
def advance() -> Callable[[float], None]:
    """Return a function that lets seconds pass for the bus, in every database that is reachable."""

    def pass_seconds(seconds: float) -> None:
        for alias in databases.aliases():
            if connections[alias].settings_dict["PORT"] == CLOSED_PORT:
                continue
            Delivery.objects.using(alias).update(not_before=F("not_before") - timedelta(seconds=seconds))
        for alias in databases.aliases():
            forwarding._unreachable.discard(alias)

    return pass_seconds


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs `manage.py bus …` and returns its output."""

    def command(*arguments: str) -> str:
        call_command("bus", *arguments)
        return capsys.readouterr().out

    return command
