"""Building and dropping indexes beside a market that goes on."""

import threading
from typing import Any

import pytest
from django.db import connection, connections

from gdmarket.indexing import BuildIndex, DropIndex

ON = "items_item (place)"


@pytest.fixture
def _is_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite builds an index in a transaction of its own.")


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_is_postgresql")
@pytest.mark.parametrize(
    ("operation", "way", "statement"),
    [
        (DropIndex("items_probe", ON), "database_forwards", "DROP INDEX CONCURRENTLY IF EXISTS items_probe;"),
        (BuildIndex("items_probe", ON), "database_backwards", "DROP INDEX CONCURRENTLY IF EXISTS items_probe;"),
        (BuildIndex("items_probe", ON), "database_forwards", f"CREATE INDEX CONCURRENTLY IF NOT EXISTS items_probe ON {ON};"),
    ],
)
def test_older_transactions_are_waited_for_without_a_limit(operation: BuildIndex, way: str, statement: str) -> None:
    with connection.schema_editor(collect_sql=True, atomic=False) as editor:
        getattr(operation, way)("items", editor, None, None)
    lifted = ["SET statement_timeout = 0;", "SET lock_timeout = 0;"]
    assert editor.collected_sql == [*lifted, statement, "RESET statement_timeout;", "RESET lock_timeout;"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("_is_postgresql")
def test_an_index_that_another_migrate_is_building_is_not_built_again() -> None:
    other: Any = connections.create_connection(connection.alias)
    other.inc_thread_sharing()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('items_probe'))")
        cursor.execute(f"CREATE INDEX items_probe ON {ON}")
        # As it is until it is built.
        cursor.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'items_probe'::regclass RETURNING indexrelid::int")
        (built,) = cursor.fetchone()

    def finish() -> None:
        with other.cursor() as cursor:
            cursor.execute("UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'items_probe'::regclass")
            cursor.execute("SELECT pg_advisory_unlock(hashtext('items_probe'))")
        other.close()

    timer = threading.Timer(0.3, finish)
    timer.start()
    try:
        with connection.schema_editor(atomic=False) as editor:
            BuildIndex("items_probe", ON).database_forwards("items", editor, None, None)
        with connection.cursor() as cursor:
            cursor.execute("SELECT 'items_probe'::regclass::oid::int")
            assert cursor.fetchone() == (built,)
    finally:
        timer.join()
        with connection.cursor() as cursor:
            cursor.execute("DROP INDEX IF EXISTS items_probe")
