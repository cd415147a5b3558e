"""What must hold before the bus can work."""

import sqlite3
from collections.abc import Sequence

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error
from django.db import connections

SQLITE_NEEDED = (3, 35, 0)


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
