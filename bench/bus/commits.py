"""What the machine itself can do: one connection, one row a commit."""

import time

from django.db import connection


def measure(*, seconds: float) -> float:
    """Return how many rows a second one connection inserts, each in a transaction of its own and on the disk before the next."""
    key = "bigserial" if connection.vendor == "postgresql" else "integer"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TABLE IF NOT EXISTS bench_commit (id {key} PRIMARY KEY, note text)")
        raw = cursor.cursor  # the driver's own, without Django around it
        insert = "INSERT INTO bench_commit (note) VALUES ('a fact')"
        done, began_at = 0, time.perf_counter()
        while time.perf_counter() - began_at < seconds:
            raw.execute(insert)
            done += 1
        return done / (time.perf_counter() - began_at)
