"""Making a backup: each database, then the books, then the manifest; the folder gets its name last."""

import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from config.backup import manifest, postgresql, sqlite
from config.backup.manifest import BackupError, Copy, Manifest, Table

# Whoever only listens comes first, and who has the last word on money last: what a later copy knows more than an earlier one, the bus
# tells the earlier one's owner again. The provider's book comes after all of them, as a real provider's always would.
_ORDER = ("status_view", "items", "default", "rentals", "payments")
BOOKS = ("sandbox.sqlite3", "fake_provider.sqlite3")


def make(*, folder: Path, now: datetime, say: Callable[[str], None]) -> Path:
    """Make a backup in a new folder below `folder` and return that; the market may serve meanwhile. What fails leaves nothing behind.

    :raises BackupError: if a database cannot be copied, or is empty
    """
    target = folder / f"gdmarket-{now:%Y%m%dT%H%M%SZ}"
    partial = target.with_suffix(".partial")
    if target.exists():
        raise BackupError(f"{target} is there already.")
    for alias in filter(is_empty, connections):
        where = connections[alias].settings_dict["NAME"]
        raise BackupError(f"The database {alias} ({where}) has no tables: is it another than you mean, lost, or not mounted?")
    previous = os.umask(0o077)  # people's names and the hashes of their passwords are nobody else's business
    try:
        partial.mkdir(parents=True)
        made = Manifest(made_at=f"{now:%Y-%m-%dT%H:%M:%SZ}", migrations=migrations())
        for alias in in_order():
            say(f"{alias}: copying …")
            made.databases[alias] = _copy_database(alias, folder=partial)
            say(f"{alias}: {told(made.databases[alias].tables)}")
        for name, book in books():
            sqlite.copy(source=book, target=partial / name)
            made.books[name] = _as_copy(partial / name, "sqlite", sqlite.tables_of(partial / name))
            say(f"{name}: {told(made.books[name].tables)}")
        manifest.write(made, folder=partial)
        partial.rename(target)
    except OSError as wrong:
        raise BackupError(f"{wrong.strerror}: {wrong.filename}") from wrong
    finally:
        os.umask(previous)
        shutil.rmtree(partial, ignore_errors=True)
    return target


def verify(*, folder: Path) -> Iterator[str]:
    """Yield a line for each copy that is whole and readable, row by row where it is SQLite's.

    :raises BackupError: at the first that is not
    """
    read = manifest.read(folder)
    for alias, copy in read.databases.items():
        path = folder / copy.file
        if copy.engine == "postgresql" and alias in connections:
            postgresql.refuse_unreadable(alias=alias, source=path)
        elif copy.engine == "sqlite":
            _refuse_different(path, copy)
        yield f"{alias}: {told(copy.tables)}"
    for name, copy in read.books.items():
        _refuse_different(folder / name, copy)
        yield f"{name}: {told(copy.tables)}"


def is_empty(alias: str) -> bool:
    """Say whether a database has no tables; a file that is missing is not made."""
    connection = connections[alias]
    if connection.vendor == "sqlite":
        return sqlite.is_empty(Path(connection.settings_dict["NAME"]))
    return not connection.introspection.table_names()


def in_order() -> list[str]:
    """Return the aliases of all databases in the order in which they are copied."""
    return sorted(connections, key=lambda alias: _ORDER.index(alias) if alias in _ORDER else 0)


def migrations() -> list[str]:
    """Return which migrations the databases have."""
    applied = {node for alias in connections for node in MigrationRecorder(connections[alias]).applied_migrations()}
    return sorted(f"{app}.{name}" for app, name in applied)


def books() -> list[tuple[str, Path]]:
    """Return the books of providers to try things with that there are, by file name."""
    folder = Path(settings.GDMARKET_DATA_DIR)
    return [(name, folder / name) for name in BOOKS if (folder / name).is_file()]


def told(tables: dict[str, Table]) -> str:
    """Return what is in tables, in words."""
    return f"{len(tables)} tables, {sum(table.rows for table in tables.values()):,} rows"


def _copy_database(alias: str, *, folder: Path) -> Copy:
    connection = connections[alias]
    if connection.vendor == "sqlite":
        target = folder / f"{alias}.sqlite3"
        sqlite.copy(source=Path(connection.settings_dict["NAME"]), target=target)
        return _as_copy(target, "sqlite", sqlite.tables_of(target))
    if connection.vendor == "postgresql":
        target = folder / f"{alias}.dump"
        tables = postgresql.copy(alias=alias, target=target)
        return _as_copy(target, "postgresql", tables)
    raise BackupError(f"{alias} is on {connection.display_name}, which this command cannot copy: see docs/how-to/operate.md, Backup.")


def _as_copy(path: Path, engine: str, tables: dict[str, Table]) -> Copy:
    return Copy(file=path.name, engine=engine, sha256=manifest.sha256_of(path), tables=tables)


def _refuse_different(path: Path, copy: Copy) -> None:
    wrong = manifest.differences(wanted=copy.tables, found=sqlite.tables_of(path))
    if wrong:
        raise BackupError(f"{path} is not what was written: {wrong[0]}")
