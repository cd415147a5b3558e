"""Sample events, added to and removed from counters, and handlers of the contexts red and blue that record them in a table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection

from gdmarket import bus, databases
from gdmarket.bus.codec import Upcaster
from gdmarket.bus.models import Delivery
from gdmarket.bus.registry import Handler

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
RED = "red"
BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Added:
    """A number was added."""

    __module__ = "apps.sample.events"

    n: int
    occurred_at: datetime = MIDNIGHT


@dataclass(frozen=True, kw_only=True, slots=True)
class Removed:
    """A number was removed; in schema 1 it was called `amount`."""

    __module__ = "apps.sample.events"
    SCHEMA: ClassVar[int] = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: lambda old: {**old, "n": old["amount"]}}

    n: int
    occurred_at: datetime = MIDNIGHT


def add(*numbers: int, counter: int | str = 1, at: datetime | None = None) -> list[UUID]:
    """Publish one `Added` a number, all in one transaction."""
    with databases.transaction_for("sample"):
        return [bus.publish(Added(n=n), stream=f"counter:{counter}", at=at) for n in numbers]


def handler_of(context: str, react: Callable[[Any], object] | None = None) -> Handler:
    """Return a handler of a context that calls `react`, then records the event's stream and number."""

    def on_added(event: Added | Removed) -> None:
        if react is not None:
            react(event)
        record(context, event.n)

    on_added.__module__ = f"apps.{context}.handlers"
    return on_added


def create_table() -> None:
    """Create the table of handled events."""
    key = "bigserial PRIMARY KEY" if connection.vendor == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE handled (line {key}, context text, stream text, n integer)")


def drop_table() -> None:
    """Drop the table."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE handled")


def record(context: str, n: int) -> None:
    """Record a handled event in the handler's transaction; in a batch its stream is unknown."""
    event = bus.current()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO handled (context, stream, n) VALUES (%s, %s, %s)", [context, event.stream if event else "", n])


def handled(context: str = RED, *, counter: int | str | None = None) -> list[int]:
    """Return the numbers that a context has handled, in order; of one counter or of all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, stream FROM handled WHERE context = %s ORDER BY line", [context])
        return [n for n, stream in cursor.fetchall() if counter is None or stream == f"counter:{counter}"]


def outstanding(context: str = RED) -> int:
    """Return how many deliveries to a context are outstanding."""
    return Delivery.objects.filter(subscriber=context).count()
