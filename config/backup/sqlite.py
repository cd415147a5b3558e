"""Copies of SQLite files, made and restored while other processes may have them open."""

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from config.backup import BackupError, TableDigest

# What a virtual table holds is in tables of its own; that of an index alone cannot be read as rows.
_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
    "AND sql NOT LIKE 'CREATE VIRTUAL TABLE%' ORDER BY name"
)
_TIMEOUT_S = 20.0


class SqliteFile:
    """One database file, which may be missing."""

    engine = "sqlite"

    def __init__(self, path: Path) -> None:
        self._path = path

    def dump(self, target: Path) -> dict[str, TableDigest]:
        with self._opened() as database:
            database.execute("VACUUM INTO ?", [str(target)])
        with target.open("rb") as written:
            os.fsync(written.fileno())
        return SqliteFile(target).digests()

    def check_copy(self, source: Path, tables: dict[str, TableDigest]) -> None:
        """Raise BackupError unless a copy has the rows that the manifest names."""
        found = SqliteFile(source).digests()
        if wrong := [table for table in sorted(found | tables) if found.get(table) != tables.get(table)]:
            raise BackupError(f"{source} is not what was copied: {', '.join(wrong)} differ.")

    def restore(self, source: Path, tables: dict[str, TableDigest]) -> None:
        """Replace what is in the file in one transaction, and compare it with what was copied."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with SqliteFile(source)._opened() as old, closing(sqlite3.connect(self._path, timeout=_TIMEOUT_S)) as new:  # noqa: SLF001  # its own class
                new.execute("PRAGMA synchronous=FULL")
                old.backup(new)
        except sqlite3.Error as failure:
            raise BackupError(f"{self._path} cannot be written: {failure}. Does something still use it?") from failure
        self.check_copy(self._path, tables)

    def digests(self) -> dict[str, TableDigest]:
        found = {}
        with self._opened() as database:
            (verdict,) = database.execute("PRAGMA integrity_check(1)").fetchone()
            if verdict != "ok":
                raise BackupError(f"{self._path} is damaged: {verdict}")
            for (name,) in database.execute(_TABLES).fetchall():
                rows, total = 0, 0
                for rows, row in enumerate(database.execute(f'SELECT * FROM "{name}"'), 1):  # noqa: B007, S608  # counted; its own name
                    # A sum: VACUUM may number rows anew.
                    total += int.from_bytes(hashlib.blake2b(repr(row).encode(), digest_size=16).digest())
                found[name] = TableDigest(rows, f"{total % 2**128:032x}")
        return found

    def is_empty(self) -> bool:
        if not self._path.is_file() or not self._path.stat().st_size:
            return True
        with self._opened() as database:
            return database.execute(_TABLES).fetchone() is None

    def is_in_use(self) -> bool:
        """Return whether another connection is open: in WAL mode each holds a lock that excludes an exclusive one."""
        if not self._path.is_file():
            return False
        with closing(sqlite3.connect(self._path, timeout=1.0, isolation_level=None)) as database:
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            try:
                database.execute("BEGIN EXCLUSIVE")
            except sqlite3.OperationalError:
                return True
            except sqlite3.DatabaseError as damaged:
                raise BackupError(f"{self._path} cannot be replaced: {damaged}. Move it away, and restore again.") from damaged
            database.execute("ROLLBACK")
            return False

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        uri = f"file:{quote(str(self._path.resolve()))}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=_TIMEOUT_S, isolation_level=None)) as database:
                yield database
        except sqlite3.Error as failure:
            raise BackupError(f"{self._path} cannot be read: {failure}") from failure
