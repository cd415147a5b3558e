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
