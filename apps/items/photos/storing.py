"""Where pictures are kept: files named by what is in them, in Django's default storage."""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.items import domain
from apps.items.photos.making import Renditions

FOLDER = "photos"
_NAME = re.compile(r"([0-9a-f]{32})(-small)?\.webp")
# What `MediaFolder` writes first.
_PARTIAL = re.compile(r"\.[0-9a-f]{32}(-small)?\.webp\.[0-9.]+")


def put(*, pictures: Renditions) -> None:
    """Store the files of a photo; those that are there are written anew."""
    for name, content in zip(domain.photo_names(file=pictures.file), (pictures.large, pictures.small), strict=True):
        default_storage.save(name, ContentFile(content))


def remove(*, file: str) -> None:
    """Remove the files of a photo; it is no error if one is missing."""
    for name in domain.photo_names(file=file):
        default_storage.delete(name)


def remove_partial(*, before: datetime) -> None:
    """Remove files that were begun before a moment and never finished: the process ended."""
    for name in _list_names():
        if _PARTIAL.fullmatch(name):
            with suppress(FileNotFoundError):
                if default_storage.get_modified_time(f"{FOLDER}/{name}") <= before:
                    default_storage.delete(f"{FOLDER}/{name}")


def list_files() -> Iterator[str]:
    """Yield the photos of which there is a file, each once. Files with other names are nobody's photos, and are left alone."""
    yield from sorted({named[1] for name in _list_names() if (named := _NAME.fullmatch(name))})


def is_whole(file: str) -> bool:
    """Return whether both files of a photo are there."""
    return all(default_storage.exists(name) for name in domain.photo_names(file=file))


def _list_names() -> list[str]:
    names: list[str] = []
    with suppress(FileNotFoundError):  # nothing was stored yet
        _folders, names = default_storage.listdir(FOLDER)
    return names
