"""What must hold before the bus can work."""

import re
import sqlite3
from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections

from gdmarket.bus.sql import MARIADB

SQLITE_NEEDED = (3, 35, 0)
MARIADB_NEEDED = (10, 7)


def check_sqlite(
    *, app_configs: Sequence[AppConfig] | None, version: tuple[int, int, int] = sqlite3.sqlite_version_info, **_: object
) -> list[CheckMessage]:
    """Refuse an SQLite without RETURNING and MATERIALIZED, which claiming a delivery needs.

    Source: sqlite.org/changes.html, 3.35.0.
    """
    del app_configs
    if version >= SQLITE_NEEDED or not any(connection.vendor == "sqlite" for connection in connections.all()):
        return []
    found, needed = (".".join(map(str, v)) for v in (version, SQLITE_NEEDED))
    hint = "Use a Python with a newer SQLite, or set DATABASE_URL to a PostgreSQL database."
    return [Error(f"SQLite {found} is too old for the event bus: {needed} or newer is needed.", hint=hint, id="bus.E001")]


def check_mariadb(*, app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: object) -> list[CheckMessage]:
    """Refuse a MariaDB that is too old to return what it inserts and to pass over locked rows, or cannot write Korean.

    Source: mariadb.com/kb, INSERT…RETURNING (10.5), SKIP LOCKED (10.6), uuid (10.7).
    """
    del app_configs
    found: list[CheckMessage] = []
    for connection in (connections[alias] for alias in databases or ()):
        if connection.vendor != MARIADB:
            continue
        with connection.cursor() as cursor:
            cursor.execute("SELECT version(), @@character_set_database")
            version, letters = cursor.fetchone()
        if version_of(version) < MARIADB_NEEDED or "mariadb" not in version.lower():
            hint = f"{'.'.join(map(str, MARIADB_NEEDED))} or newer is needed."
            found.append(
                Error(f"The database {connection.alias} runs on {version}: the event bus needs MariaDB.", hint=hint, id="bus.E002")
            )
        if letters != "utf8mb4":
            hint = f"ALTER DATABASE `{connection.settings_dict['NAME']}` CHARACTER SET utf8mb4, before its tables are made."
            found.append(Error(f"The database {connection.alias} is in {letters}, which has no Korean.", hint=hint, id="bus.E003"))
    return found


def version_of(told: str) -> tuple[int, ...]:
    """Return the version that a server tells of: (10, 11) for `10.11.4-MariaDB-1`."""
    return tuple(int(part) for part in re.findall(r"\d+", told)[:2])
