"""A context that subscribes to every event and records each delivery, so that a repeated one is seen."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection

from gdmarket import bus

SUBSCRIBER = "recorder"


class Line(NamedTuple):
    seq: int
    stream: str
    version: int


def on_anything(_event: object) -> None:
    """Insert a line, in the handler's transaction."""
    event = bus.current()
    assert event is not None
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO recorder (seq, stream, version) VALUES (%s, %s, %s)", [event.seq, event.stream, event.version])


on_anything.__module__ = f"apps.{SUBSCRIBER}.handlers"


def with_recorder(subscriptions: Mapping[type, Sequence[Callable[[Any], None]]]) -> dict[type, list[Callable[[Any], None]]]:
    """Return the subscriptions with the recorder subscribed to every event."""
    return {event: [*handlers, on_anything] for event, handlers in subscriptions.items()}


def create_table() -> None:
    """Create the table, without a unique key, so that a repeated delivery shows."""
    key = "bigserial PRIMARY KEY" if connection.vendor == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE recorder (line {key}, seq bigint, stream text, version integer)")


def drop_table() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE recorder")


def clear() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM recorder")


def lines() -> list[Line]:
    """Return the events in the order in which they were handled."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, stream, version FROM recorder ORDER BY line")
        return [Line(*row) for row in cursor.fetchall()]
