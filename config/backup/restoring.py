"""Putting a backup back: everything is looked at first, then written, then compared with what was copied."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from django.conf import settings
from django.db import connections
from django.db.migrations.loader import MigrationLoader

from config.backup import making, manifest, postgresql, sqlite
from config.backup.manifest import BackupError, Copy, Manifest, Table
from gdmarket.bus.models import Heartbeat

_SIGNS_OF_LIFE = Heartbeat._meta.db_table  # noqa: SLF001  # Django documents it


def restore(*, folder: Path, replace: bool, dry_run: bool, say: Callable[[str], None]) -> Manifest:
    """Restore every database and book of a backup, and compare; with `dry_run` only look whether that could be done.

    :raises BackupError: if the backup is not whole, does not fit this version or its databases, something is there already and is not to
        be replaced, somebody else is connected, or what was restored is not what was copied
    """
    backup = manifest.read(folder)
    for why in _refusals(backup, folder, replace=replace):
        raise BackupError(why)
    if dry_run:
        return backup
    for alias, copy in backup.databases.items():
        say(f"{alias}: restoring …")
        _put_back(alias, copy, folder)
        _compare(alias, copy, _tables_of(alias))
        say(f"{alias}: as it was copied")
        if _SIGNS_OF_LIFE in copy.tables:
            Heartbeat.objects.using(alias).all().delete()  # of relays that do not run now
    for name, copy in backup.books.items():
        book = Path(settings.GDMARKET_DATA_DIR) / name
        sqlite.put_back(source=folder / name, target=book)
        _compare(name, copy, sqlite.tables_of(book))
        say(f"{name}: as it was copied")
    return backup


def is_older(backup: Manifest) -> bool:
    """Say whether a backup lacks migrations that this version has."""
    return bool(_known() - set(backup.migrations))


def _refusals(backup: Manifest, folder: Path, *, replace: bool) -> Iterator[str]:
    """Yield why the backup must not be restored here."""
    apps = {name.partition(".")[0] for name in _known()}
    newer = sorted(name for name in set(backup.migrations) - _known() if name.partition(".")[0] in apps)
    if newer:
        yield f"The backup is of a newer version than this program: {newer[0]}. Restore it with that one."
    if set(backup.databases) != set(connections):
        yield f"The backup has the databases {_list(backup.databases)}, the settings name {_list(connections)}: they must be the same."
    for alias, copy in backup.databases.items():
        yield from _refusals_of(alias, copy, folder, replace=replace)
    for name in backup.books:
        if not (replace or sqlite.is_empty(Path(settings.GDMARKET_DATA_DIR) / name)):
            yield f"{name} is there already. To replace it: --replace."


def _refusals_of(alias: str, copy: Copy, folder: Path, *, replace: bool) -> Iterator[str]:
    vendor = connections[alias].vendor
    if vendor != copy.engine:
        yield f"{alias} is a copy of {copy.engine} and would be restored into {vendor}: only the same engine can read it."
    elif vendor == "postgresql":
        postgresql.refuse_unreadable(alias=alias, source=folder / copy.file)
    if not (replace or making.is_empty(alias)):
        yield f"The database {alias} is not empty. To replace all that is in it: --replace."
    if vendor == "postgresql" and (count := postgresql.others(alias)):
        yield f"{count} other sessions are connected to the database {alias}: stop servers, relays and jobs first."
    if vendor == "sqlite":
        connections[alias].close()
        if sqlite.is_in_use(Path(connections[alias].settings_dict["NAME"])):
            yield f"Others have the database {alias} open: stop servers, relays and jobs first."


def _put_back(alias: str, copy: Copy, folder: Path) -> None:
    if copy.engine == "postgresql":
        postgresql.put_back(alias=alias, source=folder / copy.file)
    else:
        connections[alias].close()
        sqlite.put_back(source=folder / copy.file, target=Path(connections[alias].settings_dict["NAME"]))


def _tables_of(alias: str) -> dict[str, Table]:
    if connections[alias].vendor == "postgresql":
        return postgresql.tables_of(alias)
    return sqlite.tables_of(Path(connections[alias].settings_dict["NAME"]))


def _compare(name: str, copy: Copy, found: dict[str, Table]) -> None:
    wrong = manifest.differences(wanted=copy.tables, found=found)
    if wrong:
        raise BackupError(f"{name} was restored and is not what was copied. {'; '.join(wrong)}")


def _known() -> set[str]:
    return {f"{app}.{name}" for app, name in MigrationLoader(None, ignore_no_migrations=True).graph.nodes}


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))
