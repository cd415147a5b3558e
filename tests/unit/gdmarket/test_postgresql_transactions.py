"""Transactions begin with their first statement, whichever cursor sends it, and rows may stay on the server."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import ConnectionHandler

from gdmarket import statements

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _words() -> Iterator[None]:
    """Have a table with two rows."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'one'), (2, 'two')")
    yield
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE words")


def run(sql: str) -> list[tuple[Any, ...]]:
    with statements.cursor(connection) as cursor:
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def change_and_fail(change: Callable[[], Any]) -> None:
    with suppress(KeyError), transaction.atomic():
        change()
        raise KeyError


def test_a_savepoint_may_be_the_first_statement() -> None:
    with transaction.atomic():
        change_and_fail(lambda: run("UPDATE words SET word = 'new'"))
        run("INSERT INTO words VALUES (3, 'three')")
    assert run("SELECT id, word FROM words ORDER BY id") == [(1, "one"), (2, "two"), (3, "three")]


def test_rows_stay_on_the_server_inside_a_transaction_and_outside() -> None:
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT id FROM words ORDER BY id")
        assert cursor.fetchmany(1) == [(1,)]
        assert run("SELECT name != '', is_holdable FROM pg_cursors WHERE is_holdable") == [(True, True)]
        assert cursor.fetchall() == [(2,)]
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute("SELECT id FROM words ORDER BY id")
        assert cursor.fetchmany(1) == [(1,)]
        assert run("SELECT is_holdable FROM pg_cursors WHERE name LIKE '\\_django%%'") == [(False,)]
        assert cursor.fetchall() == [(2,)]


def test_without_autocommit_what_is_not_committed_is_not_done() -> None:
    transaction.set_autocommit(False)
    run("UPDATE words SET word = 'new' WHERE id = 1")
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO words VALUES (3, 'three')")
    transaction.rollback()
    run("UPDATE words SET word = 'new' WHERE id = 2")
    transaction.commit()
    transaction.set_autocommit(True)
    assert run("SELECT id, word FROM words ORDER BY id") == [(1, "one"), (2, "new")]


def test_a_transaction_has_the_isolation_level_of_the_settings() -> None:
    settings = connection.settings_dict
    options = settings["OPTIONS"] | {"isolation_level": psycopg.IsolationLevel.REPEATABLE_READ}
    handler = ConnectionHandler({"default": settings | {"OPTIONS": options}})
    there = handler["default"]
    there.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with statements.cursor(there) as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchall() == [("repeatable read",)]
    there.rollback()
    handler.close_all()
