"""The files of photos, which items may share: kept before a row names them, and removed a day after the last one did.

What is interrupted leaves a file too many, never one too few.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from datetime import datetime, timedelta

from django.db import IntegrityError

from apps.items import queries
from apps.items.errors import PhotosBusyError
from apps.items.models import PhotoFile
from apps.items.photos import storing
from apps.items.photos.making import Pictures
from gdmarket import databases

KEPT = timedelta(days=1)
"""How long files stay that no item has: pages, caches and copies of the database may still name them."""
_RETRY_AFTER_S = 1.0


def keep(*, pictures: Pictures, now: datetime) -> None:
    """Store the files of a photo, which stay for a day without an item."""
    touch(file=pictures.file, now=now)
    storing.put(pictures=pictures)


def touch(*, file: str, now: datetime) -> None:
    """Let the files of a photo stay for a day more."""
    if PhotoFile.objects.filter(file=file).update(touched_at=now):
        return
    try:
        with databases.transaction_for("items"):
            PhotoFile.objects.create(file=file, touched_at=now)
    except IntegrityError:  # another request was faster
        PhotoFile.objects.filter(file=file).update(touched_at=now)


def claim(*, files: AbstractSet[str], now: datetime) -> None:
    """Touch files that were kept before, in the transaction in which a row comes to name them: whoever removes them waits for its end.

    :raises PhotosBusyError: if one has been removed, which takes a day
    """
    if files and PhotoFile.objects.filter(file__in=files).update(touched_at=now) < len(files):
        raise PhotosBusyError(retry_after_s=_RETRY_AFTER_S)


def sweep(*, now: datetime, dry_run: bool = False) -> Iterator[str]:
    """Remove files that no item has had for a day, and yield the digest of each photo. Files of an unknown origin are kept a day first."""
    known = set(PhotoFile.objects.values_list("file", flat=True))
    unknown = [file for file in storing.list_files() if file not in known]
    if not dry_run:
        PhotoFile.objects.bulk_create([PhotoFile(file=file, touched_at=now) for file in unknown], ignore_conflicts=True)
    old = list(PhotoFile.objects.filter(touched_at__lte=now - KEPT).order_by("file").values_list("file", flat=True))
    shown = queries.list_photo_files() if old else set()
    for file in (file for file in old if file not in shown):
        if dry_run or _remove(file, now=now):
            yield file


def _remove(file: str, *, now: datetime) -> bool:
    """Remove the files of a photo that no item had a moment ago; return whether none has begun to have them since."""
    with databases.transaction_for("items"):
        # Locked, and looked at again once whoever has it lets go.
        row = PhotoFile.objects.select_for_update().filter(file=file, touched_at__lte=now - KEPT).first()
        if row is None:
            return False
        storing.remove(file=file)
        row.delete()
    return True
