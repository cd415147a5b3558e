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
from apps.items.photos.making import Renditions
from gdmarket import databases

KEPT = timedelta(days=1)
"""How long files stay that no item has: pages, caches and copies of the database may still name them."""
_RETRY_AFTER_S = 1.0


def keep(*, pictures: Renditions, now: datetime) -> None:
    """Store the files of a photo, which stay for a day without an item."""
    touch(file=pictures.file, now=now)
    storing.put(pictures=pictures)


def touch(*, file: str, now: datetime) -> None:
    """Let the files of a photo stay for a day more.

    :raises PhotosBusyError: if they are being removed just now
    """
    kept = PhotoFile.objects.filter(file=file, removing_at=None)
    if kept.update(touched_at=now):
        return
    try:
        with databases.transaction_for("items"):
            PhotoFile.objects.create(file=file, touched_at=now)
    except IntegrityError as taken:  # another request was faster, or they are being removed
        if not kept.update(touched_at=now):
            raise PhotosBusyError(retry_after_s=_RETRY_AFTER_S) from taken


def claim(*, files: AbstractSet[str], now: datetime) -> None:
    """Touch files that were kept before, in the transaction in which an item's row comes to name them.

    Whoever begins to remove them waits for the end of the transaction, and sees then that they are in use.
    :raises PhotosBusyError: if the removal of one has begun, which takes a day without an item
    """
    if files and PhotoFile.objects.filter(file__in=files, removing_at=None).update(touched_at=now) < len(files):
        raise PhotosBusyError(retry_after_s=_RETRY_AFTER_S)


def sweep(*, now: datetime, dry_run: bool = False) -> Iterator[str]:
    """Remove files that no item has had for a day, and yield the digest of each photo. Files of an unknown origin are kept a day first.

    What a process left that ended while it wrote a file is removed as well, and not counted.
    """
    known = set(PhotoFile.objects.values_list("file", flat=True))
    unknown = [file for file in storing.list_files() if file not in known]
    if not dry_run:
        PhotoFile.objects.bulk_create([PhotoFile(file=file, touched_at=now) for file in unknown], ignore_conflicts=True)
        storing.remove_partial(before=now - KEPT)
    old = list(PhotoFile.objects.filter(touched_at__lte=now - KEPT).order_by("file").values_list("file", flat=True))
    shown = queries.list_photo_files() if old else set()
    for file in (file for file in old if file not in shown):
        if dry_run or _remove(file, now=now):
            yield file


def _remove(file: str, *, now: datetime) -> bool:
    """Remove the files of a photo that no item had a moment ago; return whether none has begun to have them since.

    What is interrupted is marked, and done again by the next run.
    """
    # In one statement, which waits for whoever has the row, and looks at it again then.
    if not PhotoFile.objects.filter(file=file, touched_at__lte=now - KEPT).update(removing_at=now):
        return False
    storing.remove(file=file)
    # Another run that has marked it since removes the row.
    PhotoFile.objects.filter(file=file, removing_at=now).delete()
    return True
