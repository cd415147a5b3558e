"""One event of rentals, and handlers in other databases that record it, each in its own."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connections

from gdmarket import bus, databases
from gdmarket.bus.models import Delivery
from gdmarket.bus.registry import Handler

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
RENTALS, VIEW = "default", "payments"  # which databases these two are in
TO_VIEW, TO_ITEMS = f"{RENTALS}-to-{VIEW}", f"{RENTALS}-to-items"
CLOSED_PORT = 1
"""A port on which nothing listens."""
_KEYS = {"postgresql": "bigserial PRIMARY KEY", "sqlite": "integer PRIMARY KEY AUTOINCREMENT"}


@dataclass(frozen=True, kw_only=True, slots=True)
class SampleEvent:
    """Something happened in rentals."""

    __module__ = "apps.rentals.events"

    n: int
    occurred_at: datetime = MIDNIGHT


def publish(*numbers: int, stream_number: int = 1, at: datetime | None = None) -> list[UUID]:
    """Publish one `SampleEvent` a number, all in one transaction of rentals."""
    with databases.transaction_for("rentals"):
        return [bus.publish(SampleEvent(n=n), stream=f"stream:{stream_number}", at=at) for n in numbers]


def recording_handler(context: str, react: Callable[[SampleEvent], object] | None = None) -> Handler:
    """Return a handler of a context: it calls `react`, then records the event in its own database."""

    def on_sample_event(event: SampleEvent) -> None:
        if react is not None:
            react(event)
        delivered = bus.current()
        with connections[databases.alias_for(context)].cursor() as cursor:
            cursor.execute("INSERT INTO received (stream, n) VALUES (%s, %s)", [delivered.stream if delivered else "", event.n])

    on_sample_event.__module__ = f"apps.{context}.handlers"
    return on_sample_event


def received_by(context: str, *, stream_number: int | None = None) -> list[int]:
    """Return the numbers a context's handler recorded, in order; of one stream or of all."""
    with connections[databases.alias_for(context)].cursor() as cursor:
        cursor.execute("SELECT n, stream FROM received ORDER BY line")
        return [n for n, stream in cursor.fetchall() if stream_number in {None, int(stream.partition(":")[2])}]


@contextmanager
def received_tables() -> Iterator[None]:
    """Create a table for the handlers in every database, for the length of the block."""
    for alias in databases.aliases():
        connection = connections[alias]
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TABLE received (line {_KEYS[connection.vendor]}, stream varchar(128), n integer)")
    yield
    for alias in databases.aliases():
        with connections[alias].cursor() as cursor:
            cursor.execute("DROP TABLE received")


def outstanding(subscriber: str, *, using: str) -> list[Any]:
    """Return the deliveries that a subscriber has still to handle."""
    return list(Delivery.objects.using(using).filter(subscriber=subscriber).order_by("id"))


@contextmanager
def unreachable(alias: str) -> Iterator[None]:
    """Make a database unreachable for this process, for the length of the block."""
    connection = connections[alias]
    address = connection.settings_dict
    port = address["PORT"]
    connection.close()
    address["PORT"] = CLOSED_PORT  # the connection is refused
    try:
        yield
    finally:
        address["PORT"] = port
        connection.close()
