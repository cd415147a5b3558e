"""How Django is told to talk to SQLite and to PostgreSQL."""

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


def database(*, url: str, data_dir: Path) -> dict[str, Any]:
    """Return Django's settings for the database at `url`, or for the embedded SQLite file in `data_dir` where `url` is empty.

    :raises ValueError: if the URL's scheme is unknown
    """
    settings: dict[str, Any] = dict(dj_database_url.parse(url or f"sqlite:///{data_dir / 'gdmarket.sqlite3'}"))
    if settings["ENGINE"].endswith("sqlite3"):
        Path(settings["NAME"]).parent.mkdir(parents=True, exist_ok=True)
        return settings | {"OPTIONS": _SQLITE | settings.get("OPTIONS", {})}
    return settings | {"CONN_MAX_AGE": None, "CONN_HEALTH_CHECKS": True, "OPTIONS": _POSTGRESQL | settings.get("OPTIONS", {})}
