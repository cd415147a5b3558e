"""Copies of SQLite files, taken and put back while others have them open."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from config.backup.manifest import BackupError, Table

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
_PATIENCE_S = 20.0


def copy(*, source: Path, target: Path) -> None:
    """Copy a database as it is at one moment; writers go on meanwhile.

    :raises BackupError: if it cannot be read
    """
    try:
        with _opened(source, mode="ro") as database:
            database.execute("VACUUM INTO ?", [str(target)])
    except sqlite3.Error as wrong:
        raise BackupError(f"{source} cannot be copied: {wrong}") from wrong
    with target.open("rb") as written:
        os.fsync(written.fileno())


def put_back(*, source: Path, target: Path) -> None:
    """Make `target` what `source` is, in one transaction: whoever has it open sees all of the old or all of the new.

    :raises BackupError: if somebody else writes to it
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _opened(source, mode="ro") as old, closing(sqlite3.connect(target, timeout=_PATIENCE_S)) as new:
            new.execute("PRAGMA synchronous=FULL")
            old.backup(new)
    except sqlite3.Error as wrong:
        raise BackupError(f"{target} cannot be written: {wrong}. Does something still use it?") from wrong


def is_empty(path: Path) -> bool:
    """Say whether a file is no database or one without tables."""
    if not path.is_file() or not path.stat().st_size:
        return True
    with _opened(path, mode="ro") as database:
        return database.execute(_TABLES).fetchone() is None


def is_in_use(path: Path) -> bool:
    """Say whether anybody else has a file open: who has it in WAL mode holds a lock, which an exclusive one cannot be had beside."""
    if not path.is_file():
        return False
    with closing(sqlite3.connect(path, timeout=1.0, isolation_level=None)) as database:
        database.execute("PRAGMA locking_mode=EXCLUSIVE")
        try:
            database.execute("BEGIN EXCLUSIVE")
        except sqlite3.OperationalError:
            return True
        database.execute("ROLLBACK")
        return False


def tables_of(path: Path) -> dict[str, Table]:
    """Return what is in each table of a file.

    :raises BackupError: if the file is damaged
    """
    try:
        with _opened(path, mode="ro") as database:
            (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise BackupError(f"{path} is damaged: {verdict}")
            return {name: _table(database, name) for (name,) in database.execute(_TABLES).fetchall()}
    except sqlite3.Error as wrong:
        raise BackupError(f"{path} cannot be read: {wrong}") from wrong


def _table(database: sqlite3.Connection, name: str) -> Table:
    """Return the table's rows as a count and a sum of hashes: VACUUM may number rows anew."""
    rows, total = 0, 0
    for row in database.execute(f'SELECT * FROM "{name}"'):  # noqa: S608  # its own name
        rows += 1
        total += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
    return Table(rows=rows, digest=f"{total % 2**128:032x}")


@contextmanager
def _opened(path: Path, *, mode: str) -> Iterator[sqlite3.Connection]:
    uri = f"file:{quote(str(path.resolve()))}?mode={mode}"
    with closing(sqlite3.connect(uri, uri=True, timeout=_PATIENCE_S, isolation_level=None)) as database:
        yield database
