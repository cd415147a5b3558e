"""Checks of each database: migrations, guards, durability, limits, connections, clock. Run by `manage.py doctor`."""

import time
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from django.apps import apps
from django.core.checks import CheckMessage
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from gdmarket import text_columns
from gdmarket.bus import registry
from gdmarket.bus.claims import LEASE_S
from gdmarket.checks import DATA, DATABASES, STRICT, finding, missing_guards, register

_LIMITS_MS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_MAX_SKEW_S = 1.0
_IS_ORDERED = """
    SELECT array_agg(name ORDER BY name) = ARRAY['10', 'B', 'a', '가구', '각도기', '힘']
    FROM unnest(ARRAY['힘', '각도기', '가구', 'a', 'B', '10']) AS name
"""
_COLLATION = """
    SELECT collname = 'C' FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE attrelid = to_regclass(%s) AND attname = %s
"""
_SCRAPE = 5  # connections that a scrape of /metrics takes at once: bus, breaker, rentals, money, and the database itself


def needed_by_server(*, workers: int, threads: int) -> int:
    """Return how many connections a server may take: one a thread, one for dispatch in each worker, and those of a scrape of `/metrics`."""
    return workers * (threads + 1) + _SCRAPE


def needed_by_relay() -> int:
    """Return how many connections a relay may take: one for each context, and one for its watchdog."""
    return len(registry.subscribers()) + 1


@register(DATABASES)
def check_migrations(*, databases: Sequence[str] | None, **_: Any) -> Iterator[CheckMessage]:
    """Look whether the tables are those of this version."""
    for alias in databases or ():
        loader = MigrationLoader(connections[alias], ignore_no_migrations=True)
        applied, known = set(loader.applied_migrations), set(loader.disk_migrations or ())
        missing, unknown = sorted(set(loader.graph.nodes) - applied), sorted(applied - known)
        if missing:
            hint = "run manage.py migrate, from the new version, before servers start"
            yield finding("database.E001", f"{alias} lacks {len(missing)}, first {'.'.join(missing[0])}", hint)
        if unknown := [node for node in unknown if node[0] in loader.migrated_apps]:
            found = f"{alias} is of a newer version than this program: {'.'.join(unknown[0])}"
            yield finding("database.W001", found, "finish the upgrade, or see docs/how-to/operate.md, Rollback")


@register(DATABASES)
def check_guards(*, databases: Sequence[str] | None, **_: Any) -> Iterator[CheckMessage]:
    """Look whether the constraints, triggers and indexes are there that refuse double bookings and changes of the ledger."""
    for alias in databases or ():
        if missing := missing_guards(connections[alias]):
            hint = "stop writing and restore them from the migration that names them: what they refuse can happen meanwhile"
            yield finding("database.E002", f"{alias}: missing or disabled: {', '.join(missing)}", hint)


@register(DATABASES, STRICT)
def check_durability(*, databases: Sequence[str] | None, **_: Any) -> Iterator[CheckMessage]:
    """Look whether a committed transaction survives a crash."""
    for alias in databases or ():
        if connections[alias].vendor == "sqlite":
            (journal,), (synchronous,) = _row(alias, "PRAGMA journal_mode"), _row(alias, "PRAGMA synchronous")
            is_durable = journal == "wal" and synchronous >= 2  # noqa: PLR2004  # FULL
            found, hint = f"journal_mode is {journal}, synchronous {synchronous}", "WAL and FULL are needed: a local disk, no such options"
        else:
            names = ("fsync", "full_page_writes", "synchronous_commit")
            off = [name for name in names if _row(alias, f"SHOW {name}") == ("off",)]
            is_durable, found, hint = not off, f"{', '.join(off)} off", "switch it on in postgresql.conf"
        if not is_durable:
            yield finding("database.W002", f"{alias}: {found}: a crash may lose what was committed", hint)


@register(DATABASES)
def check_postgresql(*, databases: Sequence[str] | None, **_: Any) -> Iterator[CheckMessage]:
    """Look whether PostgreSQL takes writes and Korean text, ends what hangs, has connections for every process, and agrees on the time."""
    for alias in (alias for alias in databases or () if connections[alias].vendor == "postgresql"):
        before = time.time()
        (now,) = _row(alias, "SELECT extract(epoch FROM clock_timestamp())::float8")
        skew_s = abs(now - (before + time.time()) / 2)
        if skew_s >= _MAX_SKEW_S:
            hint = "keep both by NTP: deadlines go by the database's, tokens by this machine's"
            yield finding("database.W003", f"{alias}'s clock is {skew_s:.0f} s away from this machine's", hint)
        if _row(alias, "SELECT pg_is_in_recovery()") == (True,):
            yield finding("database.E003", f"{alias} is a replica, which takes no writes", "name the primary in its URL")
        if _row(alias, "SHOW server_encoding") != ("UTF8",):
            yield finding("database.E004", f"{alias} is not in UTF8", "create it anew: createdb --encoding UTF8 --template template0")
        limits_ms = {name: int(_row(alias, "SELECT setting FROM pg_settings WHERE name = %s", name)[0]) for name in _LIMITS_MS}
        if wrong := [f"{name} is {limit} ms" for name, limit in limits_ms.items() if not 0 < limit < LEASE_S * 1000]:
            hint = "remove options from its URL; where a pooler drops them: ALTER ROLE … SET statement_timeout = '8s'"
            yield finding("database.W004", f"{alias}: {', '.join(wrong)}, and a lease lasts {LEASE_S} s", hint)


@register(DATABASES)
def check_order(*, databases: Sequence[str] | None, **_: Any) -> Iterator[CheckMessage]:
    """Look whether PostgreSQL puts names into the order of their code points, as SQLite does."""
    for alias in (alias for alias in databases or () if connections[alias].vendor == "postgresql"):
        if other := [name for name in _name_columns(alias) if _row(alias, _COLLATION, *name.split(".")) == (False,)]:
            hint = 'restore their collation from the migrations named text: ALTER TABLE … ALTER COLUMN … TYPE … COLLATE "C"'
            yield finding("database.E006", f"{alias}: names are not in the order of their code points: {', '.join(other)}", hint)
        if _row(alias, _IS_ORDERED) != (True,):
            (locale,) = _row(alias, "SELECT datcollate FROM pg_database WHERE datname = current_database()")
            hint = "names of items and people come in order all the same; create the next database with --locale=C.UTF-8"
            yield finding("database.W006", f"{alias} orders text by {locale}, not by code points", hint)


@register(DATA)
def check_folded(**_: Any) -> Iterator[CheckMessage]:
    """Look for rows that the version before wrote during an upgrade: searches do not find them yet."""
    behind = {model._meta.db_table: rows for model in text_columns.folded_models() if (rows := text_columns.unfolded(model).count())}  # noqa: SLF001  # Django documents it
    if behind:
        found = ", ".join(f"{table}: {rows}" for table, rows in behind.items())
        yield finding("database.W007", f"rows that searches do not find: {found}", "run manage.py refold_text once no older version runs")


def _name_columns(alias: str) -> Iterator[str]:
    """Yield `table.column` for every name in a database."""
    tables = set(connections[alias].introspection.table_names())
    for model in apps.get_models():
        fields = model._meta.concrete_fields if model._meta.db_table in tables else ()  # noqa: SLF001  # Django documents it
        yield from (f"{model._meta.db_table}.{field.column}" for field in fields if isinstance(field, text_columns.ByCodePoint))  # noqa: SLF001  # Django documents it


@register(DATABASES)
def check_connections(*, databases: Sequence[str] | None, **_: Any) -> Iterator[CheckMessage]:
    """Look whether PostgreSQL has a connection for every thread of a server and a relay."""
    try:
        server = import_module("config.server")
    except SystemExit:
        return  # reported by config: variables
    of_server, of_relay = needed_by_server(workers=server.workers, threads=server.threads), needed_by_relay()
    for alias in (alias for alias in databases or () if connections[alias].vendor == "postgresql"):
        question = "SELECT sum(CASE name WHEN 'max_connections' THEN 1 ELSE -1 END * setting::int) FROM pg_settings WHERE name IN (%s, %s)"
        (allowed,) = _row(alias, question, "max_connections", "superuser_reserved_connections")
        (in_use,) = _row(alias, "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'")
        if in_use > allowed * 0.8 or allowed < 2 * of_server + of_relay:
            found = f"{alias}: {allowed} connections, {in_use} in use; a server takes up to {of_server}, a relay {of_relay}"
            hint = "raise max_connections, or lower GDMARKET_WORKERS or GDMARKET_THREADS"
            yield finding("database.E005" if allowed < of_server + of_relay else "database.W005", found, hint)


def _row(alias: str, question: str, *parameters: str) -> tuple[Any, ...]:
    with connections[alias].cursor() as cursor:
        cursor.execute(question, parameters)
        row: tuple[Any, ...] = cursor.fetchone()
        return row
