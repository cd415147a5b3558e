"""A worker handles what a paid request supersedes at the same moment: before it, or with its delivery locked; with a negative control."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connections
from psycopg.errors import DeadlockDetected
from pytest_django import Settings

from apps.items.models import Item
from apps.items.services import register_item
from apps.payments.models import Payment, Posting
from apps.rentals.models import Rental
from apps.rentals.services import requesting
from gdmarket import breaker, bus, clock, databases, failpoints, ids
from gdmarket.bus import delivering, superseding
from gdmarket.bus.models import Delivery
from tests.unit.payments.actions import PATIENCE_S, in_another_thread

pytestmark = pytest.mark.django_db(transaction=True)

ACKNOWLEDGING = "DELETE FROM bus_delivery"


@dataclass(frozen=True, kw_only=True, slots=True)
class Race:
    """Whose delivery it is, where the request stands once it is committed, and the worker's statement that waits for the request."""

    subscriber: str
    step: str
    stream: Callable[[], str]
    waits_at: str

    def outstanding(self) -> int:
        return Delivery.objects.using(databases.alias_for(self.subscriber)).filter(subscriber=self.subscriber, event__due_at=None).count()


OPENING = Race(
    subscriber="payments",
    step="rentals.pay.started",
    stream=lambda: f"rental:{Rental.objects.get().id}",
    waits_at='INSERT INTO "payments_payment"',
)
SETTLING = Race(
    subscriber="rentals",
    step="payments.charge.recorded",
    stream=lambda: f"payment:{Payment.objects.get().id}",
    waits_at="FOR NO KEY UPDATE OF listing, rental",
)


@pytest.fixture
def item(settings: Settings) -> Item:
    settings.GDMARKET_DISPATCH = "off"
    breaker.reset()
    item = register_item(
        item_id=ids.uuid7(), manager_id=ids.uuid7(), name="drill", category="tools", daily_price=8_000, latitude=37.5, longitude=127.0,
        place="Seoul", now=clock.now(),
    )  # fmt: skip
    bus.run_until_idle()
    return item


def request(item: Item) -> Rental:
    now = clock.now()
    return requesting.request_rental(
        rental_id=ids.uuid7(), item_id=item.id, renter_id=ids.uuid7(), starts_at=now + timedelta(days=1), method="pm_ok", now=now
    )  # fmt: skip


class Worker:
    """Another process's fast path: locks one delivery, and waits within its transaction until the request supersedes it."""

    def __init__(self, race: Race) -> None:
        self.statements: list[str] = []
        self.failures: list[Exception] = []
        self._race = race
        self._has_locked, self._is_superseded = threading.Event(), threading.Event()
        self._pool = ThreadPoolExecutor(1)

    def race(self, item: Item, monkeypatch: pytest.MonkeyPatch) -> Rental:
        """Send the request, with this worker in its way."""
        running: list[Future[None]] = []

        def start(step: str) -> None:
            if step == self._race.step:
                running.append(self._pool.submit(self._deliver))
                assert self._has_locked.wait(PATIENCE_S)

        monkeypatch.setattr(failpoints, "hit", start)
        try:
            with connections[databases.alias_for(self._race.subscriber)].execute_wrapper(self._tell_when_superseded):
                return request(item)
        finally:
            running[0].result(PATIENCE_S)
            self._pool.shutdown()

    def _deliver(self) -> None:
        try:
            with connections[databases.alias_for(self._race.subscriber)].execute_wrapper(self._wait_before):
                delivering.deliver([(self._race.subscriber, self._race.stream())], keep_going=lambda: True)
        finally:
            connections.close_all()

    def _wait_before(self, execute: Any, sql: str, *call: Any) -> Any:
        self.statements.append(sql)
        if self._race.waits_at in sql:
            self._has_locked.set()
            assert self._is_superseded.wait(PATIENCE_S)
        try:
            return execute(sql, *call)
        except Exception as failure:
            self.failures.append(failure)
            raise

    def _tell_when_superseded(self, execute: Any, sql: str, *call: Any) -> Any:
        if ACKNOWLEDGING in sql and self._has_locked.is_set():
            self._is_superseded.set()
        return execute(sql, *call)


def outcome() -> tuple[str, list[str], int]:
    """Return the rental's state, the attempts' and the number of postings, once all is delivered."""
    bus.run_until_idle()
    return Rental.objects.get().state, list(Payment.objects.values_list("state", flat=True)), Posting.objects.count()


@pytest.mark.parametrize("race", [OPENING, SETTLING], ids=["opening", "settling"])
def test_a_worker_that_was_quicker_leaves_nothing_to_do(item: Item, race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    def deliver(step: str) -> None:
        if step == race.step:
            assert in_another_thread(bus.run_until_idle) > 0

    monkeypatch.setattr(failpoints, "hit", deliver)
    assert request(item).state == "paid"

    assert race.outstanding() == 0
    assert outcome() == ("paid", ["approved"], 2)


@pytest.mark.postgresql
@pytest.mark.parametrize("race", [OPENING, SETTLING], ids=["opening", "settling"])
def test_a_worker_that_has_locked_the_delivery_is_not_waited_for(item: Item, race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(race)

    assert worker.race(item, monkeypatch).state == "paid"

    assert worker.failures == []
    assert worker.statements[-1].startswith("DELETE FROM bus_delivery")  # it has handled the delivery, and nobody has taken it away
    assert race.outstanding() == 0
    assert outcome() == ("paid", ["approved"], 2)


@pytest.mark.postgresql
@pytest.mark.parametrize("race", [OPENING, SETTLING], ids=["opening", "settling"])
def test_if_the_request_waited_for_it_the_two_would_deadlock(item: Item, race: Race, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superseding, "lock_of", lambda alias, **_: f"FOR UPDATE OF {alias}")
    worker, refusals = Worker(race), []

    try:
        worker.race(item, monkeypatch)
    except OperationalError as refusal:
        refusals.append(refusal)

    # The database ends one of the two.
    (ended,) = refusals + worker.failures
    assert isinstance(ended.__cause__, DeadlockDetected)
