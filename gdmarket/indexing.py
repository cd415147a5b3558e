"""Operations of migrations that build indexes while the market goes on."""

import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import connections, router
from django.db.migrations import AddIndex, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.models import Index, Q

_PROGRESS_S = 5.0
_ASK_AGAIN_S = 0.5
_PROGRESS = """
    SELECT phase, coalesce(round(100.0 * greatest(blocks_done, tuples_done) / nullif(greatest(blocks_total, tuples_total), 0)), 0)
    FROM pg_stat_progress_create_index WHERE pid = %s
"""


class BuildIndex(Operation):
    """Builds an index beside writers, on PostgreSQL `CONCURRENTLY`, in a migration with `atomic = False`; it can be repeated.

    `on` is what follows `CREATE INDEX name ON`, the same for every engine or by engine; an engine that is left out has no such index.
    On SQLite, whose every statement is a transaction of its own, other writers wait for it.
    """

    reduces_to_sql = True
    reversible = True

    def __init__(self, name: str, on: str | Mapping[str, str], *, unique: bool = False) -> None:
        """Name the index; `unique` makes it a constraint, which no row may break yet."""
        self.name, self.on, self._kind = name, on, "UNIQUE INDEX" if unique else "INDEX"

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Leave the state alone: name the index of a model beside it, in `SeparateDatabaseAndState`."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        connection = schema_editor.connection
        on = self.on if isinstance(self.on, str) else self.on.get(connection.vendor)
        if on is None or not router.allow_migrate(connection.alias, app_label):
            return
        if not _is_beside_writers(schema_editor):
            schema_editor.execute(f"CREATE {self._kind} IF NOT EXISTS {self.name} ON {on}", None)
            return
        is_run = not schema_editor.collect_sql
        with _unhurried(schema_editor), _alone(schema_editor, self.name), _reported(connection, self.name, is_run=is_run):
            if is_run and _is_invalid(connection, self.name):
                schema_editor.execute(f"DROP INDEX CONCURRENTLY {self.name}", None)
            schema_editor.execute(f"CREATE {self._kind} CONCURRENTLY IF NOT EXISTS {self.name} ON {on}", None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        if not router.allow_migrate(schema_editor.connection.alias, app_label):
            return
        if not _is_beside_writers(schema_editor):
            schema_editor.execute(f"DROP INDEX IF EXISTS {self.name}", None)
            return
        with _unhurried(schema_editor):
            schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {self.name}", None)

    def describe(self) -> str:
        """Return what it does."""
        return f"Build the index {self.name}"


class DropIndex(BuildIndex):
    """Drops an index that no version uses any more; backwards it is built."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_backwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        super().database_forwards(app_label, schema_editor, from_state, to_state)

    def describe(self) -> str:
        """Return what it does."""
        return f"Drop the index {self.name}"


def index_columns(
    table: str, name: str, columns: Sequence[str], *, condition: Q | None = None, where: str = ""
) -> SeparateDatabaseAndState:
    """Return the operation that builds an index of a model whose table is `<app>_<model>` on columns, `-` before what descends.

    `where` is the SQL of its `condition`.
    """
    ordered = ", ".join(f"{column.removeprefix('-')} DESC" if column.startswith("-") else column for column in columns)
    return SeparateDatabaseAndState(
        state_operations=[AddIndex(table.rpartition("_")[2], Index(fields=columns, condition=condition, name=name))],
        database_operations=[BuildIndex(name, f"{table} ({ordered}) {where}".rstrip())],
    )


def _is_beside_writers(schema_editor: Any) -> bool:
    """Return whether indexes are built and dropped `CONCURRENTLY`: on PostgreSQL, but not inside the transaction of a test."""
    connection = schema_editor.connection
    return connection.vendor == "postgresql" and (schema_editor.collect_sql or not connection.in_atomic_block)


@contextmanager
def _unhurried(schema_editor: Any) -> Iterator[None]:
    """Lift the limits of a request: a million rows take minutes, and older transactions are waited for, while nobody waits for this."""
    names = ("statement_timeout", "lock_timeout")
    for name in names:
        schema_editor.execute(f"SET {name} = 0", None)
    try:
        yield
    finally:
        for name in names:
            schema_editor.execute(f"RESET {name}", None)


@contextmanager
def _alone(schema_editor: Any, name: str) -> Iterator[None]:
    """Let another `migrate` wait: an index that is being built looks like one that was interrupted, and must not be dropped for it.

    It asks again and again: one that waited in a statement would be an older transaction, which `CREATE INDEX CONCURRENTLY` waits for.
    """
    if schema_editor.collect_sql:
        yield
        return
    with schema_editor.connection.cursor() as cursor:
        while True:
            cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", [name])
            if cursor.fetchone()[0]:
                break
            time.sleep(_ASK_AGAIN_S)
    try:
        yield
    finally:
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", [name])


@contextmanager
def _reported(connection: Any, name: str, *, is_run: bool) -> Iterator[None]:
    """Say on stderr, every few seconds, how far PostgreSQL is."""
    done = threading.Event()

    def report() -> None:
        while not done.wait(_PROGRESS_S):
            with own.cursor() as cursor:
                cursor.execute(_PROGRESS, [pid])
                for phase, percent in cursor.fetchall():
                    print(f"{name}: {phase}, {percent} %", file=sys.stderr)  # noqa: T201  # progress of a command
        own.close()

    if not is_run:
        yield
        return
    own = connections.create_connection(connection.alias)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    thread = threading.Thread(target=report, daemon=True)
    own.inc_thread_sharing()
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _is_invalid(connection: Any, name: str) -> bool:
    """Return whether an earlier attempt was interrupted and left an index that is not used."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_index WHERE indexrelid = to_regclass(%s) AND NOT indisvalid", [name])
        return cursor.fetchone() is not None
