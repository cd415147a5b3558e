"""`DATABASES`: which databases there are, which one each context uses, and the connection options of each engine."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dj_database_url

# A connection is kept between requests, and looked at before the first statement of each: to open one takes longer than to read a row.
_KEPT = {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True}
_QUEUED_SQLITE = "gdmarket.sqlite"
_DIRECT_POSTGRESQL = "gdmarket.postgresql"
_SQLITE = {
    "timeout": 20,
    # FULL: a committed transaction survives a power cut.
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
}
_POSTGRESQL = {
    "connect_timeout": 5,
    # A statement must be cancelled before the bus's lease (10 s) ends, and a lock wait before the client gives up. A worker that freezes
    # inside a transaction loses its locks after at most 8 s.
    "options": "-c statement_timeout=8s -c lock_timeout=5s -c idle_in_transaction_session_timeout=8s",
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
}
_SCHEMES = ("postgresql", "postgres", "sqlite")


def databases(*, url: str, urls: Mapping[str, str], data_dir: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return Django's `DATABASES` and the alias of each context's database: `default` is at `url`, the others where `urls` names another.

    Contexts whose URLs name one database share an alias, called after the first of them.
    :raises ValueError: if a URL cannot be parsed or names an unsupported engine
    """
    found = {"default": database(url=url, data_dir=data_dir)}
    aliases: dict[str, str] = {}
    for context, own in urls.items():
        settings = database(url=own or url, data_dir=data_dir)
        aliases[context] = next((alias for alias, other in found.items() if _address(other) == _address(settings)), context)
        found.setdefault(aliases[context], settings)
    return found, aliases


def database(*, url: str, data_dir: Path) -> dict[str, Any]:
    """Return Django's settings for the database at `url`, or for the SQLite file in `data_dir` if `url` is empty.

    :raises ValueError: if the URL's scheme is not supported
    """
    if url and url.split(":", maxsplit=1)[0] not in _SCHEMES:
        raise ValueError(f"A database's URL begins with one of {', '.join(_SCHEMES)}, as in postgresql://user:password@host/name.")
    settings: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{data_dir / 'gdmarket.sqlite3'}"))
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        Path(settings["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        return settings | _KEPT | {"ENGINE": _QUEUED_SQLITE, "OPTIONS": _SQLITE | settings.get("OPTIONS", {})}
    return settings | _KEPT | {"ENGINE": _DIRECT_POSTGRESQL, "OPTIONS": _POSTGRESQL | settings.get("OPTIONS", {})}


def _address(settings: Mapping[str, Any]) -> tuple[object, ...]:
    if settings["ENGINE"] == _QUEUED_SQLITE:
        return (settings["ENGINE"], Path(settings["NAME"]).resolve())
    return (settings["ENGINE"], settings["HOST"], int(settings["PORT"] or 5432), settings["NAME"])
