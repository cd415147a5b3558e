"""A small world for the bus: somebody pours into cups, and contexts called red and blue write down in the database what they hear."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import UUID

from django.db import connection, transaction

from gdmarket import bus
from gdmarket.bus.codec import Upcaster
from gdmarket.bus.models import Delivery
from gdmarket.bus.registry import Handler

MIDNIGHT = datetime(2026, 1, 1, tzinfo=UTC)
RED = "red"
BLUE = "blue"


@dataclass(frozen=True, kw_only=True, slots=True)
class Poured:
    """Something was poured into a cup."""

    __module__ = "apps.kitchen.events"

    n: int
    occurred_at: datetime = MIDNIGHT


@dataclass(frozen=True, kw_only=True, slots=True)
class Spilled:
    """Something went beside; in schema 1 its number was called `drops`."""

    __module__ = "apps.kitchen.events"
    SCHEMA: ClassVar[int] = 2
    UPCASTERS: ClassVar[Mapping[int, Upcaster]] = {1: lambda old: {**old, "n": old["drops"]}}

    n: int
    occurred_at: datetime = MIDNIGHT


def pour(*numbers: int, cup: int | str = 1, at: datetime | None = None) -> list[UUID]:
    """Publish one `Poured` a number, all in one transaction."""
    with transaction.atomic():
        return [bus.publish(Poured(n=n), stream=f"cup:{cup}", at=at) for n in numbers]


def reader(context: str, react: Callable[[Any], object] | None = None) -> Handler:
    """Return a handler of a context: it reacts, then writes down the event's stream and number."""

    def on_poured(event: Poured | Spilled) -> None:
        if react is not None:
            react(event)
        write_down(context, event.n)

    on_poured.__module__ = f"apps.{context}.handlers"
    return on_poured


def make_notebook() -> None:
    """Create the table that handlers write into."""
    key = "bigserial PRIMARY KEY" if connection.vendor == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE notebook (line {key}, reader text, stream text, n integer)")


def drop_notebook() -> None:
    """Take the table away again."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE notebook")


def write_down(context: str, n: int) -> None:
    """Write a line, in the handler's transaction; of what is heard in a batch no one stream is known."""
    event = bus.current()
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO notebook (reader, stream, n) VALUES (%s, %s, %s)", [context, event.stream if event else "", n])


def notes(context: str = RED, *, cup: int | str | None = None) -> list[int]:
    """Return the numbers a context has written down, in order; of one cup or of all."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT n, stream FROM notebook WHERE reader = %s ORDER BY line", [context])
        return [n for n, stream in cursor.fetchall() if cup is None or stream == f"cup:{cup}"]


def outstanding(context: str = RED) -> int:
    """Return how many deliveries a context has still to handle."""
    return Delivery.objects.filter(subscriber=context).count()
