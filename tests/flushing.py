"""Emptying the tables after a test that commits.

Django truncates every table and runs `post_migrate` again, which takes longer than most tests. Here only the tables that have rows are
emptied, and what the migrations wrote (content types, permissions, subscriptions) is put back only if a test changed it.
"""

from functools import cache
from importlib import import_module
from typing import Any

from django.db import connections, transaction
from django.test import TransactionTestCase

_LEDGER = "payments_posting"  # triggers refuse to change or delete its rows
_LEDGER_MIGRATION = "apps.payments.migrations.0003_book_the_past"

Rows = dict[str, list[tuple[Any, ...]]]

_migrated: dict[str, Rows] = {}


def remember_migrated_rows() -> None:
    """Read what the migrations wrote; to be called once, before the first test."""
    for alias in connections:
        _migrated[alias] = {table: _rows_of(alias, table) for table in _with_rows(alias)}


def flush_quickly() -> None:
    """Replace what Django's transactional tests do at their end."""
    TransactionTestCase._fixture_teardown = _flush  # type: ignore[attr-defined]  # Django has no public hook


def _flush(case: Any) -> None:
    for alias in case._databases_names(include_mirrors=False):
        changed = [table for table in _with_rows(alias) if table not in _migrated[alias]]
        for table, rows in _migrated[alias].items():
            if _rows_of(alias, table) != rows:
                changed.append(table)
        if changed:
            with transaction.atomic(using=alias):
                _empty(alias, changed)


def _empty(alias: str, tables: list[str]) -> None:
    connection = connections[alias]
    ledger = import_module(_LEDGER_MIGRATION)
    with connection.cursor() as cursor:
        if _LEDGER in tables and connection.vendor == "sqlite":
            for statement in (*ledger.UNGUARD["sqlite"], f"DELETE FROM {_LEDGER}", *ledger.GUARD["sqlite"]):
                cursor.execute(statement)
        elif _LEDGER in tables:
            cursor.execute(f"TRUNCATE {_LEDGER}")  # fires no row trigger
        for table in tables:
            if table != _LEDGER:
                cursor.execute(f"DELETE FROM {table}")
        for table in tables:
            if rows := _migrated[alias].get(table):
                cursor.executemany(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)


@cache
def _tables(alias: str) -> list[str]:
    return sorted(connections[alias].introspection.django_table_names(only_existing=True, include_views=False))


def _with_rows(alias: str) -> list[str]:
    """Return the tables that are not empty, in one query."""
    query = " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {table})" for table in _tables(alias))
    with connections[alias].cursor() as cursor:
        cursor.execute(query)
        return [table for (table,) in cursor.fetchall()]


def _rows_of(alias: str, table: str) -> list[tuple[Any, ...]]:
    with connections[alias].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} ORDER BY 1")
        return [tuple(row) for row in cursor.fetchall()]
