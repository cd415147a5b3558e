"""What a backup says of itself, and whether its files are still what it says."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

NAME = "manifest.json"
_FORM = 1


class BackupError(Exception):
    """A backup that cannot be made, is not whole, or must not be restored here; its message says why and what to do."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """How many rows a table has, and a digest of them that does not depend on their order in the file."""

    rows: int
    digest: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Copy:
    """One file of a backup; `engine` is Django's word for what it is a copy of."""

    file: str
    engine: str
    sha256: str
    tables: dict[str, Table]


@dataclass(kw_only=True, slots=True)
class Manifest:
    """A whole backup: a copy by alias for each database, and by file name for each book; migrations as `app.name`."""

    made_at: str
    migrations: list[str]
    databases: dict[str, Copy] = field(default_factory=dict)
    books: dict[str, Copy] = field(default_factory=dict)


def write(manifest: Manifest, *, folder: Path) -> None:
    """Write the manifest, which makes the folder a backup."""
    (folder / NAME).write_text(json.dumps({"form": _FORM, **asdict(manifest)}, indent=1, sort_keys=True) + "\n")


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup whose files are what it says.

    :raises BackupError: if it is not whole, was altered, or is of a form that this version does not know
    """
    try:
        told = json.loads((folder / NAME).read_text())
    except (OSError, ValueError) as wrong:
        raise BackupError(f"{folder} is no whole backup: {wrong}") from wrong
    if told.pop("form", None) != _FORM:
        raise BackupError(f"{folder} was made by another version, whose form of backups this one does not know.")
    try:
        manifest = Manifest(
            made_at=told["made_at"],
            migrations=told["migrations"],
            databases={alias: _copy(copy) for alias, copy in told["databases"].items()},
            books={name: _copy(copy) for name, copy in told["books"].items()},
        )
    except (KeyError, TypeError, AttributeError) as wrong:
        raise BackupError(f"{folder / NAME} was altered: {wrong!r}") from wrong
    _refuse_altered(manifest, folder)
    return manifest


def sha256_of(path: Path) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(*, wanted: dict[str, Table], found: dict[str, Table]) -> list[str]:
    """Return, a line each, the tables that are not what they should be."""
    return [
        f"{name}: {_told(wanted.get(name))} in the backup, {_told(found.get(name))} here"
        for name in sorted(wanted.keys() | found.keys())
        if wanted.get(name) != found.get(name)
    ]


def _copy(told: dict[str, Any]) -> Copy:
    tables = {name: Table(**table) for name, table in told["tables"].items()}
    if Path(told["file"]).name != told["file"]:
        raise KeyError(told["file"])  # a file beside the manifest, and nowhere else
    return Copy(file=told["file"], engine=told["engine"], sha256=told["sha256"], tables=tables)


def _refuse_altered(manifest: Manifest, folder: Path) -> None:
    for copy in (*manifest.databases.values(), *manifest.books.values()):
        path = folder / copy.file
        if not path.is_file():
            raise BackupError(f"{path} is missing: the backup is not whole.")
        if sha256_of(path) != copy.sha256:
            raise BackupError(f"{path} is not what was written: it was cut off or altered.")


def _told(table: Table | None) -> str:
    return "not there" if table is None else f"{table.rows} rows ({table.digest[:12]})"
