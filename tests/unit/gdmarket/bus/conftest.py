"""Sample events and handlers instead of the market's."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
from gdmarket.bus import dispatch, registry, subscriptions
from gdmarket.bus.claims import Claim
from gdmarket.bus.models import Delivery, Subscription
from gdmarket.bus.registry import Handler
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, create_table, drop_table, handler_of

Connect = Callable[[Mapping[type, Sequence[Handler]]], None]
Run = Callable[..., str]
_T = TypeVar("_T")


def start(work: Callable[[], _T]) -> Future[_T]:
    """Start work in a thread with its own database connections, which are closed after it."""

    def work_and_close() -> _T:
        try:
            return work()
        finally:
            connections.close_all()

    thread = ThreadPoolExecutor(1)
    started = thread.submit(work_and_close)
    thread.shutdown(wait=False)
    return started


def work(claimed: list[Claim]) -> int:
    """Handle claimed deliveries without an end of time; return how many are done."""
    return dispatch.work(claimed=claimed, keep_going=lambda: True)


def concurrently(work: Callable[[], _T], *, times: int = 3) -> list[_T]:
    """Do the same work several times at once and return the results."""
    barrier = Barrier(times)

    def wait_and_work() -> _T:
        barrier.wait(10)
        return work()

    return [done.result(60) for done in [start(wait_and_work) for _ in range(times)]]


@pytest.fixture
def connect(transactional_db: None, settings: Any) -> Iterator[Connect]:
    """Return a function that connects these handlers and no others. Nothing is delivered before a test asks for it."""
    settings.GDMARKET_DISPATCH = "off"

    def connect_only(handlers: Mapping[type, Sequence[Handler]]) -> None:
        registry.connect(handlers)
        subscriptions.write_subscriptions()

    Subscription.objects.all().delete()
    create_table()
    yield connect_only
    drop_table()
    registry.connect(import_string(configured.GDMARKET_SUBSCRIPTIONS))


@pytest.fixture
def red(connect: Connect) -> None:
    connect({Added: [handler_of(RED)]})


@pytest.fixture
def red_and_blue(connect: Connect) -> None:
    connect({Added: [handler_of(RED), handler_of(BLUE)]})


@pytest.fixture
def no_subscribers(connect: Connect) -> None:
    connect({Added: []})


@pytest.fixture
def pass_time() -> Callable[[float], None]:
    """Return a function that brings backoffs and leases nearer to their ends."""

    def pass_seconds(seconds: float) -> None:
        Delivery.objects.update(not_before=F("not_before") - timedelta(seconds=seconds))

    return pass_seconds


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs `manage.py bus …` and returns its output."""

    def command(*arguments: str) -> str:
        call_command("bus", *arguments)
        return capsys.readouterr().out

    return command


@pytest.fixture
def rejecting(connect: Connect) -> list[int]:
    """Return the numbers that red rejects; it has handled all others."""
    rejected = [2]

    def reject(event: Added) -> None:
        if event.n in rejected:
            raise bus.Reject(f"no {event.n}")

    connect({Added: [handler_of(RED, reject)]})
    add(1, 2, 3)
    bus.run_until_idle()
    return rejected


@pytest.fixture
def blue_subscribed(rejecting: list[int]) -> None:
    Subscription.objects.create(subscriber=BLUE, type="sample.Removed")
