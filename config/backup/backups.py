"""Make, read and restore a backup: a folder with a copy of each database and a manifest, which is written last."""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import msgspec
from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from config.backup import BackupError, TableDigest, media
from config.backup.media import CopiedMedia
from config.backup.postgresql import PostgresqlDatabase
from config.backup.sqlite import SqliteFile
from gdmarket.bus.models import Heartbeat

# Subscribers before publishers: what a later copy has and an earlier one lacks is delivered again. The sandbox provider's file comes
# last, as a real provider is always ahead of a backup.
_ORDER = ("status_view", "items", "default", "rentals", "payments")
_SANDBOXES = ("sandbox.sqlite3", "fake_provider.sqlite3")
_MANIFEST = "manifest.json"
_FORM = 1


class CopiedDatabase(msgspec.Struct, frozen=True):
    """One file of a backup, beside the manifest; `engine` is Django's `vendor`."""

    file: str
    engine: str
    sha256: str
    tables: dict[str, TableDigest]

    def __str__(self) -> str:
        return f"{len(self.tables)} tables, {sum(table.rows for table in self.tables.values()):,} rows"


class Manifest(msgspec.Struct):
    """What a backup has: databases by alias, the sandbox provider's files (`books`) by name, photos; migrations as `app.name`."""

    form: int
    made_at: str
    migrations: list[str]
    databases: dict[str, CopiedDatabase]
    books: dict[str, CopiedDatabase]
    media: CopiedMedia | None = None

    @property
    def copies(self) -> dict[str, CopiedDatabase]:
        """All of both."""
        return self.databases | self.books


def make(*, folder: Path, now: datetime, report: Callable[[str], None]) -> Path:
    """Make a backup in a new folder below `folder` and return that; a failure leaves nothing behind.

    :raises BackupError: if a database cannot be copied, or is empty
    """
    target = folder / f"gdmarket-{now:%Y%m%dT%H%M%SZ}"
    partial = target.with_suffix(".partial")
    if target.exists():
        raise BackupError(f"{target} exists already.")
    for alias in (alias for alias in connections if _database(alias).is_empty()):
        where = connections[alias].settings_dict["NAME"]
        raise BackupError(f"The database {alias} ({where}) has no tables. Is it the right one, and its disk mounted?")
    previous = os.umask(0o077)  # it has names, addresses and password hashes
    try:
        partial.mkdir(parents=True)
        migrations = {".".join(node) for alias in connections for node in MigrationRecorder(connections[alias]).applied_migrations()}
        manifest = Manifest(_FORM, f"{now:%Y-%m-%dT%H:%M:%SZ}", sorted(migrations), {}, {})
        for alias in sorted(connections, key=lambda alias: _ORDER.index(alias) if alias in _ORDER else 0):
            report(f"{alias}: copying …")
            manifest.databases[alias] = _copy(alias, partial / f"{alias}.{'sqlite3' if _is_sqlite(alias) else 'dump'}")
        for name in (name for name in _SANDBOXES if _sandbox(name).is_file()):
            manifest.books[name] = _copy(name, partial / name)
        manifest.media = media.copy(partial / media.NAME)
        for name, copied in manifest.copies.items():
            report(f"{name}: {copied}")
        if manifest.media:
            report(f"{media.NAME}: {manifest.media.files} files")
        (partial / _MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
        partial.rename(target)
    except OSError as failure:
        raise BackupError(f"{failure.strerror}: {failure.filename}") from failure
    finally:
        os.umask(previous)
        shutil.rmtree(partial, ignore_errors=True)
    return target


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup whose files have the checksums that it names.

    :raises BackupError: if a file is missing or altered, or another version made the backup
    """
    try:
        manifest = msgspec.json.decode((folder / _MANIFEST).read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError) as failure:
        raise BackupError(f"{folder} is not a whole backup: {failure}") from failure
    if manifest.form != _FORM:
        raise BackupError(f"{folder} was made by another version, in a form that this one cannot read.")
    for copied in manifest.copies.values():
        path = folder / copied.file
        if Path(copied.file).name != copied.file or not path.is_file():  # beside the manifest, and nowhere else
            raise BackupError(f"{path} is missing: the backup is not whole.")
        if _sha256(path) != copied.sha256:
            raise BackupError(f"{path} is not what was written: it was cut off or altered.")
    if manifest.media:
        media.check_copy(folder / media.NAME, manifest.media)
    return manifest


def restore(*, folder: Path, replace: bool, dry_run: bool, report: Callable[[str], None]) -> Manifest:
    """Restore every database of a backup, and compare each table with what was copied; with `dry_run` only check whether it could be done.

    Everything is checked before the first database is changed.
    :raises BackupError: if the backup is damaged or does not fit, a database is in use or, without `replace`, not empty, or the result
        differs from the backup
    """
    manifest = read(folder)
    for why in _refusals(manifest, replace=replace):
        raise BackupError(why)
    for name, copied in manifest.copies.items():
        _database(name).check_copy(folder / copied.file, copied.tables)
    for name, copied in ({} if dry_run else manifest.copies).items():
        report(f"{name}: restoring …")
        _database(name).restore(folder / copied.file, copied.tables)
        report(f"{name}: as it was copied")
        if Heartbeat._meta.db_table in copied.tables:  # noqa: SLF001  # Django documents it
            Heartbeat.objects.using(name).all().delete()  # those relays do not run now
    if manifest.media and not dry_run:
        is_done = media.restore(folder / media.NAME)
        report(f"{media.NAME}: {manifest.media.files} files{'' if is_done else ': copy them into the bucket, by its own tools'}")
    return manifest


def known_migrations() -> set[str]:
    """Return the migrations of this version, as `app.name`."""
    return {".".join(node) for node in MigrationLoader(None, ignore_no_migrations=True).graph.nodes}


def _refusals(manifest: Manifest, *, replace: bool) -> Iterator[str]:
    known = known_migrations()
    apps = {name.partition(".")[0] for name in known}
    if newer := sorted(name for name in set(manifest.migrations) - known if name.partition(".")[0] in apps):
        yield f"The backup is of a newer version than this program: {newer[0]}. Restore it with that one."
    if set(manifest.databases) != set(connections):
        yield f"The backup has the databases {sorted(manifest.databases)}, the settings name {sorted(connections)}: they must be the same."
    for name, copied in manifest.copies.items():
        database = _database(name)
        if database.engine != copied.engine:
            yield f"{name} is a copy of {copied.engine} and would be restored into {database.engine}: only the same engine can read it."
        if not (replace or database.is_empty()):
            yield f"{name} is not empty. To replace all that is in it: --replace."
        if database.is_in_use():
            yield f"{name} is in use: stop servers, relays and jobs first."


def _copy(name: str, target: Path) -> CopiedDatabase:
    database = _database(name)
    tables = database.dump(target)
    return CopiedDatabase(file=target.name, engine=database.engine, sha256=_sha256(target), tables=tables)


def _database(name: str) -> SqliteFile | PostgresqlDatabase:
    """Return the database of an alias, or the sandbox provider's file of this name."""
    if name in _SANDBOXES:
        return SqliteFile(_sandbox(name))
    if _is_sqlite(name):
        connections[name].close()  # or is_in_use() would see it
        return SqliteFile(Path(connections[name].settings_dict["NAME"]))
    return PostgresqlDatabase(connections[name])


def _is_sqlite(alias: str) -> bool:
    return connections[alias].vendor == "sqlite"


def _sandbox(name: str) -> Path:
    return Path(settings.GDMARKET_DATA_DIR) / name


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
