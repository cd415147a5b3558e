"""Changing an item's photos: each change is a revision of the item."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.items import domain, queries, services
from apps.items.models import Item
from apps.items.photos import album, making
from apps.items.services import photo_files
from gdmarket import databases, ids


def add_photo(*, item_id: UUID, by: UUID, photo_id: UUID, raw: bytes, alt: str = "", now: datetime) -> Item:
    """Add a photo behind the others of an own item; the same id again returns the item unchanged.

    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    :raises TooManyPhotosError: if it has eight
    :raises InvalidError: PhotoTooLargeError, NotAPictureError or BadAltError
    """
    domain.check(details={"alt": alt})
    item = queries.get_own_item(item_id=item_id, manager_id=by)  # before anything is decoded
    if _has(item, photo_id):
        return item
    album.check_room(count=len(item.photos or ()))
    pictures = making.make_pictures(raw=raw)
    photo_files.keep(pictures=pictures, now=now)
    with databases.transaction_for("items"):
        item = services.lock_own_item(item_id=item_id, by=by)
        if _has(item, photo_id):
            return item
        album.check_room(count=len(item.photos or ()))
        photo_files.claim(files={pictures.file}, now=now)
        _save(item, [*(item.photos or ()), album.photo_of(pictures, photo_id=photo_id, alt=alt)], now=now)
    return item


def change_photo(*, item_id: UUID, by: UUID, photo_id: UUID, expected_version: int | None = None, now: datetime, **changes: Any) -> Item:
    """Change what a photo of an own item is said to show, `alt`, or where it is, `position`, from 1; nothing if nothing differs.

    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    :raises PhotoNotFoundError: if the item has no such photo
    :raises VersionMismatchError: if the item is not at `expected_version`
    :raises InvalidError: BadAltError or BadPositionError
    """
    domain.check(details=changes)
    with databases.transaction_for("items"):
        item = services.lock_own_item(item_id=item_id, by=by)
        services.check_version(item=item, expected=expected_version)
        _save(item, album.changed(item.photos or (), str(photo_id), **changes), now=now)
    return item


def arrange_photos(
    *,
    item_id: UUID,
    by: UUID,
    alts: Mapping[str, str],
    positions: Mapping[str, int],
    removed: Collection[str],
    expected_version: int | None = None,
    now: datetime,
) -> Item:
    """Change the texts of some photos of an own item and the positions of some, and remove some, in one revision.

    Photos are named by their ids; those that are not named stay. `expected_version` is the version that the manager saw; None means any.
    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    :raises VersionMismatchError: if the item is not at `expected_version`
    :raises PhotoNotFoundError: if the item has one of them no more
    :raises InvalidError: BadAltError or BadPositionError, of the first that is not acceptable
    """
    for alt in alts.values():
        domain.check(details={"alt": alt})
    for position in positions.values():
        domain.check(details={"position": position})
    with databases.transaction_for("items"):
        item = services.lock_own_item(item_id=item_id, by=by)
        services.check_version(item=item, expected=expected_version)
        before: album.Album = item.photos or ()
        photos = album.arranged(before, alts=alts, positions=positions)
        for photo_id in removed:
            photos = album.removed(photos, photo_id)
        _save(item, photos, now=now)
        for file in sorted({photo["file"] for photo in before} - {photo["file"] for photo in photos}):
            photo_files.touch(file=file, now=now)
    return item


def remove_photo(*, item_id: UUID, by: UUID, photo_id: UUID, now: datetime) -> Item:
    """Remove a photo from an own item. Its files go a day later, by `photo_files.sweep`, if no item has them then.

    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    :raises PhotoNotFoundError: if the item has no such photo
    """
    with databases.transaction_for("items"):
        item = services.lock_own_item(item_id=item_id, by=by)
        photo = album.find(item.photos or (), str(photo_id))
        _save(item, album.removed(item.photos or (), str(photo_id)), now=now)
        photo_files.touch(file=photo["file"], now=now)
    return item


def _has(item: Item, photo_id: UUID) -> bool:
    return any(photo["id"] == str(photo_id) for photo in item.photos or ())


def _save(item: Item, photos: list[album.Photo], *, now: datetime) -> None:
    if photos == (item.photos or []):
        return
    item.photos = photos or None
    item.version += 1
    item.updated_at = now
    item.save(update_fields=["photos", "version", "updated_at"])
    services.publish_revision(item=item, now=now)


def copy_photos(*, item: Item, now: datetime) -> list[album.Photo]:
    """Return an item's photos as those of an item to be registered: the same files, which stay for a day, under ids of their own.

    :raises PhotosBusyError: if the files of one are being removed just now
    """
    photos: album.Album = item.photos or ()
    for photo in photos:
        photo_files.touch(file=photo["file"], now=now)
    return [{**photo, "id": str(ids.uuid7())} for photo in photos]
