"""Each database: whether it is there, what it is, how it is set, and whether its tables are what this version needs."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader

from config.doctor import guards, postgresql, sqlite
from config.doctor.findings import Finding, Findings, Stance, fail, ok, warn

_SKEW_S, _LARGE_SKEW_S = 1.0, 30.0
_SHOWN = 3
_CLOCK = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())::float8",
    "mysql": "SELECT unix_timestamp(now(6))",
}
_IDENTITY = {
    # When the server started and which of its databases this is: the same for two spellings of one address.
    "postgresql": "SELECT pg_postmaster_start_time(), (SELECT oid FROM pg_database WHERE datname = current_database())",
    "mysql": "SELECT @@server_id, @@hostname, @@port, database()",
}
_READING = {
    "postgresql": ("SET default_transaction_read_only = on", "SET default_transaction_read_only = off"),
    "sqlite": ("PRAGMA query_only = ON", "PRAGMA query_only = OFF"),
}
_PARTICULAR: dict[str, Callable[[BaseDatabaseWrapper, str, Stance], Findings]] = {
    "postgresql": postgresql.examine,
    "sqlite": sqlite.examine,
}


def examine(stance: Stance) -> Iterator[Finding]:
    """Look at every database in turn; one that is away is told of and passed over."""
    identities: dict[Any, list[str]] = {}
    for alias in connections:
        what = f"database {alias}"
        try:
            with reading_only(alias) as connection:
                yield from _examine_one(connection, what, stance)
                identities.setdefault(_identity(connection), []).append(alias)
        except (Error, FileNotFoundError) as away:
            yield fail(what, f"cannot be used: {_first_line(away)}", _remedy_of_away(alias))
    for aliases in identities.values():
        if len(aliases) > 1:
            remedy = "give all of them one and the same URL, letter for letter"
            yield fail("databases", f"{', '.join(aliases)} are one database under several spellings", remedy)


@contextmanager
def reading_only(alias: str) -> Iterator[BaseDatabaseWrapper]:
    """Return the connection, in which nothing can be written meanwhile.

    :raises FileNotFoundError: if it is a SQLite file that is not there; connecting would make it
    :raises Error: if it cannot be used
    """
    connection = connections[alias]
    if connection.vendor == "sqlite" and not sqlite.is_there(connection.settings_dict["NAME"]):
        raise FileNotFoundError(f"there is no file {connection.settings_dict['NAME']}")
    if connection.vendor == "postgresql" and connection.connection is None:
        connection.settings_dict["OPTIONS"] |= {"connect_timeout": 2}
    begin, end = _READING.get(connection.vendor, ("SELECT 1", "SELECT 1"))
    with connection.cursor() as cursor:
        cursor.execute(begin)
    try:
        yield connection
    finally:
        with connection.cursor() as cursor:
            cursor.execute(end)


@contextmanager
def all_reading_only() -> Iterator[None]:
    """Let nothing be written to any of the databases meanwhile."""
    with ExitStack() as stack:
        for alias in connections:
            stack.enter_context(reading_only(alias))
        yield


def _examine_one(connection: BaseDatabaseWrapper, what: str, stance: Stance) -> Findings:
    yield _version(connection, what)
    if connection.vendor in _PARTICULAR:
        yield from _PARTICULAR[connection.vendor](connection, what, stance)
    if connection.vendor in _CLOCK:
        yield _clock(connection, what)
    migrations = list(_migrations(connection, what))
    yield from migrations
    if not any(finding.found.startswith("lacks") for finding in migrations):
        yield _guards(connection, what)


def _version(connection: BaseDatabaseWrapper, what: str) -> Finding:
    found = tuple(connection.get_database_version())
    least = sqlite.LEAST if connection.vendor == "sqlite" else tuple(connection.features.minimum_database_version or ())
    names = f"{connection.display_name} {'.'.join(map(str, found))}"
    if found < least:
        return fail(what, f"{names} is too old", f"take {connection.display_name} {'.'.join(map(str, least))} or newer")
    return ok(what, f"{names} answers")


def _clock(connection: BaseDatabaseWrapper, what: str) -> Finding:
    before = time.time()
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK[connection.vendor])
        (theirs,) = cursor.fetchone()
    skew_s = abs(float(theirs) - (before + time.time()) / 2)
    remedy = "keep both clocks by NTP: deadlines go by the database's, tokens by this machine's"
    if skew_s < _SKEW_S:
        return ok(f"{what}: clock", "agrees with this machine's")
    level = fail if skew_s >= _LARGE_SKEW_S else warn
    return level(f"{what}: clock", f"is {skew_s:.0f} s away from this machine's ({datetime.now(UTC):%H:%M:%S} UTC)", remedy)


def _migrations(connection: BaseDatabaseWrapper, what: str) -> Findings:
    loader = MigrationLoader(connection, ignore_no_migrations=True)
    applied, known = set(loader.applied_migrations), set(loader.disk_migrations or ())
    missing = sorted(set(loader.graph.nodes) - applied)
    unknown = sorted(node for node in applied - known if node[0] in loader.migrated_apps)
    if missing:
        yield fail(f"{what}: migrations", f"lacks {_some(missing)}", "run manage.py migrate, from the new version, before servers start")
    if unknown:
        found = f"is of a newer version than this program: {_some(unknown)}"
        yield warn(f"{what}: migrations", found, "finish the upgrade, or mind docs/how-to/operate.md, Rollback")
    if not (missing or unknown):
        yield ok(f"{what}: migrations", "all there")


def _guards(connection: BaseDatabaseWrapper, what: str) -> Finding:
    lacking = guards.missing(connection)
    if lacking:
        remedy = "stop writing and restore them from the migration that names them: what they refuse may happen meanwhile"
        return fail(f"{what}: guards", f"missing or switched off: {', '.join(lacking)}", remedy)
    return ok(f"{what}: guards", "constraints, triggers and indexes are there")


def _identity(connection: BaseDatabaseWrapper) -> Any:
    if connection.vendor == "sqlite":
        there = Path(connection.settings_dict["NAME"]).stat()
        return there.st_dev, there.st_ino
    with connection.cursor() as cursor:
        cursor.execute(_IDENTITY[connection.vendor])
        return cursor.fetchone()


def _remedy_of_away(alias: str) -> str:
    if connections[alias].vendor == "sqlite":
        return "run manage.py migrate to make it; is GDMARKET_DATA_DIR the right folder?"
    return "is the server up, and the URL right?"


def _some(nodes: list[tuple[str, str]]) -> str:
    shown = ", ".join(f"{app}.{name}" for app, name in nodes[:_SHOWN])
    return shown if len(nodes) <= _SHOWN else f"{shown} and {len(nodes) - _SHOWN} more"


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", maxsplit=1)[0]
