"""SQL that SQLite and PostgreSQL spell differently. The bus uses the database's clock: the workers' clocks may differ."""

from collections.abc import Mapping
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from gdmarket import statements


def fetch_all(sql: str, parameters: Mapping[str, Any], *, using: str) -> list[tuple[Any, ...]]:
    """Run a statement and return its rows."""
    with statements.cursor(connections[using], keeps_plan=True) as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def now_plus(*, seconds: int, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL for the instant `seconds` after now, to be run with parameters."""
    if connections[using].vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{seconds} seconds')"
    return f"(statement_timestamp() + interval '{seconds} seconds')"


def lock_of(alias: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL that locks a query's rows and skips those locked by others. SQLite has one writer at a time and needs none."""
    return "" if connections[using].vendor == "sqlite" else f"FOR UPDATE OF {alias} SKIP LOCKED"


def key_share_of(alias: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL that keeps a query's rows from being deleted until the transaction ends. SQLite needs none."""
    return "" if connections[using].vendor == "sqlite" else f"FOR KEY SHARE OF {alias}"


def seconds_since(instant: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL for how many seconds ago `instant`, an SQL expression, was; at least 0, and NULL for NULL."""
    if connections[using].vendor == "sqlite":
        return f"max(0.0, (julianday('now') - julianday({instant})) * 86400.0)"
    # GREATEST ignores NULL.
    return f"CASE WHEN {instant} IS NOT NULL THEN greatest(0.0, extract(epoch FROM statement_timestamp() - {instant}))::float8 END"
