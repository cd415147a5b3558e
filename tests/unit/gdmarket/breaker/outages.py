"""What keeps a breaker from its row."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def without_its_table() -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE breaker_circuit RENAME TO breaker_elsewhere")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE breaker_elsewhere RENAME TO breaker_circuit")


@contextmanager
def without_its_database() -> Iterator[None]:
    """Let connections go where nobody listens."""
    settings = connection.settings_dict
    was = dict(settings)
    connection.close()
    settings.update({"HOST": "127.0.0.1", "PORT": "1"} if connection.vendor == "postgresql" else {"NAME": "/nowhere/at/all.sqlite3"})
    try:
        yield
    finally:
        connection.close()
        settings.update(was)
