"""What SQLite, PostgreSQL and MariaDB spell differently. The bus goes by the database's clock: the workers' own may disagree."""

from django.db import DEFAULT_DB_ALIAS, connections

MARIADB = "mysql"
"""What Django calls MariaDB's kind."""


def now_plus(*, seconds: int, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL for the instant `seconds` after now, to be run with parameters."""
    match connections[using].vendor:
        case "sqlite":
            return f"strftime('%%Y-%%m-%%d %%H:%%M:%%f', 'now', '+{seconds} seconds')"
        case "mysql":
            return f"(utc_timestamp(6) + INTERVAL {seconds} SECOND)"
        case _:
            return f"(statement_timestamp() + interval '{seconds} seconds')"


def lock_of(alias: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL that locks a query's rows and passes over those locked by others; SQLite has one writer at a time and needs none."""
    return "" if connections[using].vendor == "sqlite" else f"FOR UPDATE OF {alias} SKIP LOCKED"


def share_of(alias: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL that keeps a query's rows from being deleted until the transaction ends; nobody else can write to SQLite meanwhile."""
    return {"sqlite": "", "mysql": "LOCK IN SHARE MODE"}.get(connections[using].vendor, f"FOR KEY SHARE OF {alias}")


def insert_new(table: str, rows: str, *, key: str, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL that inserts those `rows` (columns, and VALUES or a query) whose `key` is not there yet, and passes over the others.

    MariaDB also passes over a row that another unique key refuses.
    """
    if connections[using].vendor == MARIADB:
        return f"INSERT IGNORE INTO {table} {rows}"
    return f"INSERT INTO {table} {rows} ON CONFLICT ({key}) DO NOTHING"


def row_itself(*, using: str = DEFAULT_DB_ALIAS) -> tuple[str, ...]:
    """Return which of a query's tables `select_for_update(of=…)` is to lock: only its own where that can be said."""
    return ("self",) if connections[using].features.has_select_for_update_of else ()


def quoted(name: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return a column's name as it is written where it is a word of the language's own."""
    return connections[using].ops.quote_name(name)


def seconds_since(instant: str, *, using: str = DEFAULT_DB_ALIAS) -> str:
    """Return SQL for how many seconds ago `instant`, an SQL expression, was; never below 0, and NULL for NULL."""
    match connections[using].vendor:
        case "sqlite":
            return f"max(0.0, (julianday('now') - julianday({instant})) * 86400.0)"
        case "mysql":
            return f"greatest(0e0, timestampdiff(MICROSECOND, {instant}, utc_timestamp(6)) / 1e6)"
        case _:
            # GREATEST passes over NULL.
            return f"CASE WHEN {instant} IS NOT NULL THEN greatest(0.0, extract(epoch FROM statement_timestamp() - {instant}))::float8 END"
