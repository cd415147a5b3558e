"""Copies of the files in the media folder.

They never change, and are removed a day after the last row that names them: copied after the databases, all that rows name are there. Files
in a bucket are not copied: that has copies and versions of its own.
"""

import hashlib
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, default_storage

from config.backup import BackupError

NAME = "media"


class CopiedMedia(msgspec.Struct, frozen=True):
    """How many files there are, and one SHA-256 of all their names and contents."""

    files: int
    sha256: str


def folder() -> Path | None:
    """Return the media folder; None where files are kept in another way."""
    return Path(default_storage.location) if isinstance(default_storage, FileSystemStorage) else None


def copy(target: Path) -> CopiedMedia | None:
    """Copy the files into a new folder; None where there is nothing to copy."""
    source = folder()
    if source is None:
        return None
    for path in _files_in(source):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # swept meanwhile: no item has had it for a day
            shutil.copyfile(path, place)
    return _sum_of(target) if target.exists() else None


def check_copy(source: Path, copied: CopiedMedia) -> None:
    """Raise BackupError unless a folder has what was copied."""
    if _sum_of(source) != copied:
        raise BackupError(f"{source} is not what was copied: files are missing, were added or were altered.")


def restore(source: Path) -> bool:
    """Add the files that the media folder does not have; return whether there is one."""
    if folder() is None:
        return False
    for path in _files_in(source):
        name = path.relative_to(source).as_posix()
        if not default_storage.exists(name):
            with path.open("rb") as file:
                default_storage.save(name, File(file))
    return True


def _sum_of(folder: Path) -> CopiedMedia:
    total, count = hashlib.sha256(), 0
    for count, path in enumerate(_files_in(folder), 1):  # noqa: B007  # counted
        with path.open("rb") as file:
            total.update(f"{path.relative_to(folder).as_posix()} {hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return CopiedMedia(files=count, sha256=total.hexdigest())


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in order, without those that are being written."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
