"""What SQLite and PostgreSQL spell differently. The bus goes by the database's clock: the workers' own may disagree."""

from django.db import connection


def now_plus(*, seconds: int) -> str:
    """Return SQL for the instant `seconds` after now, to be run with parameters."""
    if connection.vendor == "sqlite":
        return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{seconds} seconds')"
    return f"(statement_timestamp() + interval '{seconds} seconds')"


def lock_of(alias: str) -> str:
    """Return SQL that locks a query's rows and passes over those locked by others; SQLite has one writer at a time and needs none."""
    return "" if connection.vendor == "sqlite" else f"FOR UPDATE OF {alias} SKIP LOCKED"


def share_of(alias: str) -> str:
    """Return SQL that keeps a query's rows from being deleted until the transaction ends; nobody else can write to SQLite meanwhile."""
    return "" if connection.vendor == "sqlite" else f"FOR KEY SHARE OF {alias}"


def seconds_since(instant: str) -> str:
    """Return SQL for how many seconds ago `instant`, an SQL expression, was; never below 0, and NULL for NULL."""
    if connection.vendor == "sqlite":
        return f"max(0.0, (julianday('now') - julianday({instant})) * 86400.0)"
    # GREATEST passes over NULL.
    return f"CASE WHEN {instant} IS NOT NULL THEN greatest(0.0, extract(epoch FROM statement_timestamp() - {instant}))::float8 END"
