"""Counters that are raised, one event each time, and subscribers that record each event.

The three tables have no unique constraint that could hide a fault: what is applied twice is recorded twice.
"""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection

from gdmarket import bus, clock
from gdmarket.bus import claims
from gdmarket.bus.registry import Handler
from tests.chaos.plan import Plan

logger = logging.getLogger(__name__)

# Events of these counters are timers: delivered once each, in no order.
TIMERS = "timer:"
HANG = 1.6  # leases
FAILURES = 0.01
RETRIES = 0.005
REJECTIONS = 0.0005

_TABLES = {
    "chaos_counter": "name text PRIMARY KEY, value integer",
    "chaos_mark": "place {key}, counter text, value integer, mark text, event_id text",
    "chaos_effect": "place {key}, subscriber text, counter text, value integer, mark text",
}
_RAISE = """
INSERT INTO chaos_counter (name, value) VALUES (%s, 1)
ON CONFLICT (name) DO UPDATE SET value = chaos_counter.value + 1 RETURNING value
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Counted:
    """A counter went up by one; `mark` is this one time."""

    __module__ = "apps.chaos.events"

    counter: str
    value: int
    mark: UUID
    occurred_at: datetime


@contextmanager
def tables() -> Iterator[None]:
    """Create the tables for the length of the block."""
    key = "bigserial PRIMARY KEY" if connection.vendor == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
    _drop_tables()
    with connection.cursor() as cursor:
        for name, columns in _TABLES.items():
            cursor.execute(f"CREATE TABLE {name} ({columns.format(key=key)})")
    yield
    _drop_tables()


def count_up(*, counter: str, due_in_s: float | None = None) -> None:
    """Raise a counter and publish it, in the caller's transaction; its row stays locked until that ends. `due_in_s` makes it a timer."""
    mark, now = uuid4(), clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_RAISE, [counter])
        (value,) = cursor.fetchone()
        event = Counted(counter=counter, value=value, mark=mark, occurred_at=now)
        event_id = bus.publish(event, stream=counter, at=None if due_in_s is None else now + timedelta(seconds=due_in_s))
        row = [counter, value, str(mark), str(event_id)]
        cursor.execute("INSERT INTO chaos_mark (counter, value, mark, event_id) VALUES (%s, %s, %s, %s)", row)


def count_marks() -> int:
    """Return how often counters were raised for good."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chaos_mark")
        return int(cursor.fetchone()[0])


def on_signal(order: signal.Signals, act: Callable[[], None]) -> None:
    """Act on a signal, and on one that came while the process was still starting: it was started with these blocked."""
    signal.signal(order, lambda *_: act())
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {order})


class HandlerFaults:
    """Faults in this process's handlers: by chance, and on a signal."""

    def __init__(self, *, plan: Plan, place: tuple[object, ...]) -> None:
        self._chance = plan.chance("handlers", *place)
        self._dies = self._hangs = False

    def listen(self) -> None:
        """Die in a handler after SIGUSR1, hang in one, past the lease, after SIGUSR2."""
        on_signal(signal.SIGUSR1, lambda: setattr(self, "_dies", True))
        on_signal(signal.SIGUSR2, lambda: setattr(self, "_hangs", True))

    def inject(self) -> None:
        """Inject what is due; called in a handler that has done its work and not returned."""
        if self._dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if self._hangs:
            self._hangs = False
            logger.warning("chaos: a handler hangs")
            time.sleep(HANG * claims.LEASE_S)
        draw = self._chance.random()
        if draw < FAILURES:
            raise RuntimeError("chaos: a handler fails")
        if draw < FAILURES + RETRIES:
            raise bus.Retry("chaos: not now", after_s=0.2)
        if draw < FAILURES + RETRIES + REJECTIONS:
            raise bus.Reject("chaos: never")


def subscriptions(faults: HandlerFaults) -> dict[type, Sequence[Handler]]:
    """Return the subscribers: one takes event by event, the other batches."""
    return {Counted: [_one_by_one("red", faults), bus.batch(_in_batches("blue", faults))]}


def _in_batches(subscriber: str, faults: HandlerFaults) -> Handler:
    def on_counted(events: Sequence[Counted]) -> None:
        rows = [(subscriber, event.counter, event.value, str(event.mark)) for event in events]
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO chaos_effect (subscriber, counter, value, mark) VALUES (%s, %s, %s, %s)", rows)
        faults.inject()

    on_counted.__module__ = f"apps.{subscriber}.handlers"
    return on_counted


def _one_by_one(subscriber: str, faults: HandlerFaults) -> Handler:
    record = _in_batches(subscriber, faults)

    def on_counted(event: Counted) -> None:
        record([event])

    on_counted.__module__ = record.__module__
    return on_counted


def _drop_tables() -> None:
    with connection.cursor() as cursor:
        for name in _TABLES:
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
