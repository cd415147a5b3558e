"""Where pictures are kept: files named by what is in them, in Django's default storage."""

from collections.abc import Iterator
from contextlib import suppress

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from apps.items import domain
from apps.items.photos.making import Pictures

FOLDER = "photos"
_SMALL = "-small"
_ENDING = ".webp"


def put(*, pictures: Pictures) -> None:
    """Store the files of a photo; those that are there are written anew."""
    for name, content in zip(domain.photo_names(file=pictures.file), (pictures.large, pictures.small), strict=True):
        default_storage.save(name, ContentFile(content))


def remove(*, file: str) -> None:
    """Remove the files of a photo; those that are not there are none."""
    for name in domain.photo_names(file=file):
        default_storage.delete(name)


def list_files() -> Iterator[str]:
    """Yield the photos of which there is a file, each once."""
    names: list[str] = []
    with suppress(FileNotFoundError):  # nothing was stored yet
        _folders, names = default_storage.listdir(FOLDER)
    yield from sorted({name.removesuffix(_ENDING).removesuffix(_SMALL) for name in names if name.endswith(_ENDING)})


def is_whole(file: str) -> bool:
    """Return whether both files of a photo are there."""
    return all(default_storage.exists(name) for name in domain.photo_names(file=file))
