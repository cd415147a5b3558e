"""Statements with their values beside them: what they find, which plan they keep and for how long, and what a migration does to them."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import DataError, OperationalError, ProgrammingError, connection, transaction
from django.db.utils import ConnectionHandler
from django.test.utils import CaptureQueriesContext

from config.database_urls import database
from gdmarket import statements
from gdmarket.postgresql import session

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

FIND = "SELECT id, word FROM words WHERE id = %s"


@pytest.fixture(autouse=True)
def _words(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a table with two rows, and no pooler that was noticed in another test."""
    monkeypatch.setattr(session, "_losing_aliases", set())
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE words (id int PRIMARY KEY, word varchar(10)); INSERT INTO words VALUES (1, 'one'), (2, 'two')")
    yield
    connection.close()  # with what it has prepared
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE words")


def run(sql: str, values: Any = None, *, keeps_plan: bool = True) -> list[tuple[Any, ...]]:
    with statements.cursor(connection, keeps_plan=keeps_plan) as cursor:
        cursor.execute(sql, values)
        found: list[tuple[Any, ...]] = cursor.fetchall()
    return found


def prepared() -> list[tuple[str, bool]]:
    """Return what the server has prepared, and whether with a plan for all values."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement, generic_plans > 0 FROM pg_prepared_statements ORDER BY name")
        return list(cursor.fetchall())


@contextmanager
def elsewhere() -> Iterator[psycopg.Connection[Any]]:
    """Give a connection of another process, such as that of a migration."""
    settings = connection.settings_dict
    address = {"host": settings["HOST"], "port": settings["PORT"], "user": settings["USER"], "password": settings["PASSWORD"]}
    with psycopg.connect(dbname=settings["NAME"], autocommit=True, **address) as other:
        yield other


@pytest.mark.parametrize(
    ("cast", "value"),
    [
        ("text", "it's 100 % 드릴\\"),
        ("uuid", UUID("0197f7a2-0000-7000-8000-000000000000")),
        ("timestamptz", datetime(2026, 12, 1, 9, 30, 0, 123456, tzinfo=UTC)),
        ("boolean", True),
        ("boolean", False),
        ("bigint", -(2**40)),
        ("double precision", 37.5446),
        ("bigint[]", [1, 2, 3]),
        ("uuid[]", [UUID("0197f7a2-0000-7000-8000-000000000000")]),
        ("uuid[]", []),
        ("text", None),
    ],
)
def test_values_come_back_as_they_were(cast: str, value: Any) -> None:
    assert run(f"SELECT %s::{cast}", [value]) == [(value,)]
    assert run(f"SELECT %(it)s::{cast}, %(it)s::{cast} IS NULL", {"it": value}) == [(value, value is None)]


def test_a_percent_sign_is_doubled_and_zero_bytes_are_refused() -> None:
    assert run("SELECT 7 %% 4, %s::int", [1]) == [(3, 1)]
    with pytest.raises(DataError, match="NUL"):
        run("SELECT %s::text", ["a\0b"])


def test_rows_are_counted_and_fetched_one_by_one() -> None:
    with statements.cursor(connection) as cursor:
        cursor.execute("SELECT id FROM words ORDER BY id")
        assert (cursor.rowcount, cursor.fetchone(), cursor.fetchall(), cursor.fetchone()) == (2, (1,), [(2,)], None)
        cursor.execute("UPDATE words SET word = 'new'")
        assert (cursor.rowcount, cursor.fetchall()) == (2, [])


def test_what_is_used_again_and_again_is_prepared_with_a_plan_for_all_values() -> None:
    for _ in range(3):
        assert run(FIND, [1]) == [(1, "one")]
    assert prepared() == []
    for number in range(20):
        run(FIND, [number])
    assert prepared() == [(FIND.replace("%s", "$1"), True)]


def test_what_keeps_no_plan_is_planned_for_its_values() -> None:
    for _ in range(20):
        run(FIND, [1], keeps_plan=False)
    assert prepared() == []


def test_a_plan_is_made_anew_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "PREPARED_FOR_S", 0.3)
    for _ in range(20):
        run(FIND, [1])
    time.sleep(0.3)
    monkeypatch.setattr(session, "PREPARED_FOR_S", 3600.0)
    assert run(FIND, [1]) == [(1, "one")]
    assert prepared() == []
    for _ in range(4):
        run(FIND, [1])
    assert prepared() == [(FIND.replace("%s", "$1"), False)]


def test_a_column_that_a_migration_adds_disturbs_nobody() -> None:
    for _ in range(20):
        run(FIND, [1])
    with elsewhere() as other:
        other.execute("ALTER TABLE words ADD COLUMN more text")
    assert run(FIND, [1]) == [(1, "one")]
    assert len(prepared()) == 1


def test_a_column_whose_type_a_migration_changes_disturbs_no_statement_that_begins_a_transaction() -> None:
    for _ in range(20):
        run(FIND, [1])
    with elsewhere() as other:
        other.execute("ALTER TABLE words ALTER COLUMN word TYPE varchar(20)")
    with transaction.atomic():
        assert run(FIND, [1]) == [(1, "one")]
        run("INSERT INTO words VALUES (3, 'three')")
    assert run(FIND, [3]) == [(3, "three")]


def test_later_in_a_transaction_such_a_change_is_an_error_that_may_be_tried_again() -> None:
    def change() -> None:
        with transaction.atomic():
            run("UPDATE words SET word = 'new' WHERE id = 2")
            run(FIND, [1])

    for _ in range(20):
        run(FIND, [1])
    with elsewhere() as other:
        other.execute("ALTER TABLE words ALTER COLUMN word TYPE varchar(20)")
    with pytest.raises(OperationalError):
        change()
    assert run(FIND, [2]) == [(2, "two")]
    change()
    assert run(FIND, [2]) == [(2, "new")]


def test_a_pooler_that_loses_what_was_prepared_is_noticed(caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(20):
        run(FIND, [1])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    for _ in range(20):
        assert run(FIND, [2]) == [(2, "two")]
    assert prepared() == []
    connection.close()  # another connection of the process prepares nothing either, and says nothing
    for _ in range(20):
        assert run(FIND, [2]) == [(2, "two")]
    assert prepared() == []
    assert caplog.text.count("prepared_statements=false") == 1


def test_a_connection_that_a_pooler_gives_instead_never_runs_another_statement_under_the_same_name() -> None:
    delete = "DELETE FROM words WHERE id = %s"
    for _ in range(5):
        run(delete, [7])
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        names = [name.encode() for (name,) in cursor.fetchall()]
    connection.close()
    for _ in range(5):
        run(FIND, [1])
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE ALL")
    for name in names:
        connection.connection.pgconn.prepare(name, delete.replace("%s", "$1").encode())
    assert len(names) == 1
    assert run(FIND, [2]) == [(2, "two")]
    assert run("SELECT count(*) FROM words") == [(2,)]


@pytest.mark.parametrize("is_in_transaction", [False, True])
def test_what_an_earlier_client_of_a_pooled_connection_has_prepared_is_used(
    caplog: pytest.LogCaptureFixture, *, is_in_transaction: bool
) -> None:
    for _ in range(4):
        run(FIND, [1])
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_prepared_statements")
        ((name,),) = cursor.fetchall()
    connection.close()
    connection.ensure_connection()
    connection.connection.pgconn.prepare(name.encode(), FIND.replace("%s", "$1").encode())
    for _ in range(5):
        with transaction.atomic() if is_in_transaction else nullcontext():
            assert run(FIND, [2]) == [(2, "two")]
    assert prepared() == [(FIND.replace("%s", "$1"), False)]
    assert caplog.text == ""  # nothing was lost


def test_nothing_is_prepared_where_the_url_says_so(tmp_path: Path) -> None:
    settings = connection.settings_dict
    server = f"{settings['USER']}:{settings['PASSWORD']}@{settings['HOST']}:{settings['PORT']}"
    url = f"postgresql://{server}/{settings['NAME']}?prepared_statements=false"
    handler = ConnectionHandler({"default": database(url=url, data_dir=tmp_path)})
    with statements.cursor(handler["default"], keeps_plan=True) as cursor:
        for _ in range(20):
            cursor.execute(FIND, [1])
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchall() == [(0,)]
    handler.close_all()


def test_a_refused_statement_is_the_same_error_as_ever() -> None:
    for _ in range(5):
        with pytest.raises(ProgrammingError, match="nothing"):
            run("SELECT * FROM nothing WHERE id = %s", [1])


def test_logs_show_a_statement_with_its_values() -> None:
    with CaptureQueriesContext(connection) as captured:
        run(FIND, [2])
    assert [query["sql"] for query in captured.captured_queries] == [FIND.replace("%s", "2")]


def test_a_cursor_has_no_rows_after_a_statement_that_failed_and_serves_the_next() -> None:
    with statements.cursor(connection) as cursor:
        cursor.execute("SELECT id FROM words")
        with pytest.raises(DataError):
            cursor.execute("SELECT 1 / %s::int", [0])
        assert (cursor.rowcount, cursor.fetchone(), cursor.fetchall()) == (-1, None, [])
        cursor.execute(FIND, [2])
        assert cursor.fetchall() == [(2, "two")]


def test_values_bound_on_the_server_by_psycopg_are_refused() -> None:
    settings = connection.settings_dict
    handler = ConnectionHandler({"default": settings | {"OPTIONS": settings["OPTIONS"] | {"server_side_binding": True}}})
    with pytest.raises(ImproperlyConfigured, match="server_side_binding"):
        handler["default"].ensure_connection()


def change_and_fail(change: Callable[[], Any]) -> None:
    with suppress(KeyError), transaction.atomic():
        change()
        raise KeyError


def test_a_transaction_that_does_nothing_asks_nothing_and_one_that_fails_leaves_nothing() -> None:
    with transaction.atomic():
        assert connection.connection.info.transaction_status == psycopg.pq.TransactionStatus.IDLE
    with transaction.atomic():
        run("UPDATE words SET word = 'new'")
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO words VALUES (3, 'three')")
        transaction.set_rollback(True)
    assert run("SELECT id, word FROM words ORDER BY id") == [(1, "one"), (2, "two")]


def test_a_cursor_that_is_older_than_the_transaction_runs_in_it() -> None:
    change = "UPDATE words SET word = 'new' WHERE id = %s"
    with connection.cursor() as cursor, statements.cursor(connection) as beside:
        change_and_fail(lambda: cursor.execute(change, [1]))
        change_and_fail(lambda: cursor.executemany(change, [[1], [2]]))
        change_and_fail(lambda: beside.execute(change, [1]))

        def copy() -> None:
            with cursor.copy("COPY words FROM STDIN") as copy:
                copy.write_row((3, "three"))

        change_and_fail(copy)
    assert run("SELECT id, word FROM words ORDER BY id") == [(1, "one"), (2, "two")]
