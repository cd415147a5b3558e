"""A context of the tests' own that hears everything and writes down every time it does, so that a second time is seen."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.db import connection

from gdmarket import bus

SUBSCRIBER = "recorder"


class Line(NamedTuple):
    """An event as the recorder heard it."""

    seq: int
    stream: str
    version: int


def on_anything(_event: object) -> None:
    """Write a line, in the handler's transaction."""
    event = bus.current()
    assert event is not None
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO recorder (seq, stream, version) VALUES (%s, %s, %s)", [event.seq, event.stream, event.version])


on_anything.__module__ = f"apps.{SUBSCRIBER}.handlers"


def hearing_all(subscriptions: Mapping[type, Sequence[Callable[[Any], None]]]) -> dict[type, list[Callable[[Any], None]]]:
    """Return the subscriptions with the recorder among the subscribers of every event."""
    return {event: [*handlers, on_anything] for event, handlers in subscriptions.items()}


def make() -> None:
    """Create the table; no key forbids a line to stand there twice."""
    key = "bigserial PRIMARY KEY" if connection.vendor == "postgresql" else "integer PRIMARY KEY AUTOINCREMENT"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE recorder (line {key}, seq bigint, stream text, version integer)")


def drop() -> None:
    """Take the table away again."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE recorder")


def clear() -> None:
    """Delete all lines."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM recorder")


def lines() -> list[Line]:
    """Return what was heard, in that order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq, stream, version FROM recorder ORDER BY line")
        return [Line(*row) for row in cursor.fetchall()]
