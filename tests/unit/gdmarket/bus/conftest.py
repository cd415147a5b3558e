"""The kitchen instead of the market."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any, TypeVar

import pytest
from django.conf import settings as configured
from django.core.management import call_command
from django.db import connections
from django.db.models import F
from django.utils.module_loading import import_string

from gdmarket import bus
from gdmarket.bus import registry, subscriptions
from gdmarket.bus.models import Delivery, Subscription
from gdmarket.bus.registry import Handler
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, drop_notebook, make_notebook, pour, reader

Connect = Callable[[Mapping[type, Sequence[Handler]]], None]
Run = Callable[..., str]
_T = TypeVar("_T")


def all_at_once(work: Callable[[], _T], *, times: int = 3) -> list[_T]:
    """Do the same several times at once, each in a thread and on a connection of its own, and return what came of it."""
    start = Barrier(times)

    def work_alone() -> _T:
        try:
            start.wait(10)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(times) as threads:
        return [done.result() for done in [threads.submit(work_alone) for _ in range(times)]]


@pytest.fixture
def hear(transactional_db: None, settings: Any) -> Iterator[Connect]:
    """Return what makes these handlers the only ones; nothing is delivered at once, a test drains when it means to."""
    settings.GDMARKET_DISPATCH = "off"

    def connect(handlers: Mapping[type, Sequence[Handler]]) -> None:
        registry.connect(handlers)
        subscriptions.write_subscriptions()

    Subscription.objects.all().delete()
    make_notebook()
    yield connect
    drop_notebook()
    registry.connect(import_string(configured.GDMARKET_SUBSCRIPTIONS))


@pytest.fixture
def wait() -> Callable[[float], None]:
    """Return what lets seconds pass for the bus: backoffs and leases come nearer to their ends."""

    def pass_seconds(seconds: float) -> None:
        Delivery.objects.update(not_before=F("not_before") - timedelta(seconds=seconds))

    return pass_seconds


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return what runs `manage.py bus …` and returns what it prints."""

    def command(*arguments: str) -> str:
        call_command("bus", *arguments)
        return capsys.readouterr().out

    return command


@pytest.fixture
def rejecting(hear: Connect) -> list[int]:
    """Return the numbers that red rejects; it hears all others."""
    rejected = [2]

    def reject(event: Poured) -> None:
        if event.n in rejected:
            raise bus.Reject(f"no {event.n}")

    hear({Poured: [reader(RED, reject)]})
    pour(1, 2, 3)
    bus.run_until_idle()
    return rejected


@pytest.fixture
def blue_listens(rejecting: list[int]) -> None:
    Subscription.objects.create(subscriber=BLUE, type="kitchen.Spilled")
