"""A table that is missing for a while, as after half an upgrade."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def missing_table(name: str) -> Iterator[None]:
    """Rename a table within the block."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO renamed_{name}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE renamed_{name} RENAME TO {name}")
