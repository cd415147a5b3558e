"""Which databases there are, which context is at home in which, and how Django is told to talk to each engine."""

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dj_database_url

_SQLITE = {
    # A deferred transaction that reads and then writes is refused at once with "database is locked"; an IMMEDIATE one waits its turn.
    "transaction_mode": "IMMEDIATE",
    "timeout": 20,
    # FULL: what was acknowledged survives a power cut.
    "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=FULL;",
}
_POSTGRESQL = {
    "connect_timeout": 5,
    # A statement must give up before the bus's lease (10 s) does, and a lock before the client does. So must a worker that is frozen amid a
    # transaction: its locks are gone at most 8 s after it froze.
    "options": "-c statement_timeout=8s -c lock_timeout=5s -c idle_in_transaction_session_timeout=8s",
    "tcp_user_timeout": 5000,
    "keepalives_idle": 5,
}
_MARIADB = {
    "connect_timeout": 5,
    "charset": "utf8mb4",
    "isolation_level": "read committed",
    # The same bounds as above, and times in UTC: Django stores them so, and the bus goes by the database's clock.
    "init_command": (
        "SET SESSION time_zone = '+00:00', sql_mode = CONCAT(@@sql_mode, ',STRICT_TRANS_TABLES'), default_storage_engine = InnoDB, "
        "max_statement_time = 8, innodb_lock_wait_timeout = 5, idle_transaction_timeout = 8"
    ),
}
_MYSQL = "django.db.backends.mysql"
_PORTS = {_MYSQL: 3306, "django.db.backends.postgresql": 5432}
dj_database_url.register("mariadb", _MYSQL)
_SCHEMES = ("postgresql", "postgres", "mariadb", "mysql", "sqlite")
# MariaDB can keep neither the exclusion of overlapping periods nor the partial unique constraints on money.
_MAY_BE_ON_MARIADB = frozenset({"status_view"})


def databases(*, url: str, urls: Mapping[str, str], data_dir: Path) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Return Django's `DATABASES` and the alias of each context's home: `default` is at `url`, the others where `urls` names another.

    Contexts whose URLs lead to one database share its alias, named after the first of them.
    :raises ValueError: if a URL makes no sense, or names an engine that cannot keep the context's promises
    """
    found = {"default": database(url=url, data_dir=data_dir)}
    homes: dict[str, str] = {}
    for context, own in urls.items():
        settings = database(url=own or url, data_dir=data_dir)
        homes[context] = next((alias for alias, there in found.items() if _place(there) == _place(settings)), context)
        found.setdefault(homes[context], settings)
    _refuse_weak(found, homes)
    return found, homes


def database(*, url: str, data_dir: Path) -> dict[str, Any]:
    """Return Django's settings for the database at `url`, or for the embedded SQLite file in `data_dir` where `url` is empty.

    :raises ValueError: if the URL's scheme is unknown, or its driver is not installed
    """
    if url and url.split(":", maxsplit=1)[0] not in _SCHEMES:
        raise ValueError(f"A database's URL begins with one of {', '.join(_SCHEMES)}, as in postgresql://user:password@host/name.")
    settings: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{data_dir / 'gdmarket.sqlite3'}"))
    if settings["ENGINE"].endswith("sqlite3"):
        Path(settings["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        return settings | {"OPTIONS": _SQLITE | settings.get("OPTIONS", {})}
    options = _POSTGRESQL
    if settings["ENGINE"] == _MYSQL:
        _use_pymysql()
        options = _MARIADB
        settings["TEST"] = {"CHARSET": "utf8mb4"}
    return settings | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "OPTIONS": options | settings.get("OPTIONS", {})}


def _place(settings: Mapping[str, Any]) -> tuple[object, ...]:
    if settings["ENGINE"].endswith("sqlite3"):
        return (settings["ENGINE"], Path(settings["NAME"]).resolve())
    return (settings["ENGINE"], settings["HOST"], int(settings["PORT"] or _PORTS.get(settings["ENGINE"], 0)), settings["NAME"])


def _refuse_weak(found: Mapping[str, Mapping[str, Any]], homes: Mapping[str, str]) -> None:
    on_mariadb = {alias for alias, settings in found.items() if settings["ENGINE"] == _MYSQL}
    weak = [f"GDMARKET_{context.upper()}_DATABASE_URL" for context in homes.keys() - _MAY_BE_ON_MARIADB if homes[context] in on_mariadb]
    if "default" in on_mariadb:
        weak.insert(0, "DATABASE_URL")
    if weak:
        raise ValueError(f"{weak[0]}: MariaDB cannot keep what is promised there; only GDMARKET_STATUS_VIEW_DATABASE_URL may name one.")


def _use_pymysql() -> None:
    if importlib.util.find_spec("pymysql") is None:
        raise ValueError("MariaDB's driver is missing: pip install --require-hashes -r requirements/full.lock")
    importlib.import_module("pymysql").install_as_MySQLdb()
