"""The photos of one item, in the order in which they are shown."""

from collections.abc import Mapping, Sequence
from typing import TypedDict
from uuid import UUID

from apps.items import domain
from apps.items.errors import PhotoNotFoundError, TooManyPhotosError
from apps.items.photos.making import Renditions


class Photo(TypedDict):
    """A photo: its id, the digest that names its files, the size of the large one in pixels, and what is to be seen on it."""

    id: str
    file: str
    width: int
    height: int
    alt: str


Album = Sequence[Photo]


def photo_of(pictures: Renditions, *, photo_id: UUID, alt: str) -> Photo:
    """Return a photo of which pictures were made."""
    return Photo(id=str(photo_id), file=pictures.file, width=pictures.width, height=pictures.height, alt=alt)


def find(album: Album, photo_id: str) -> Photo:
    """Return a photo.

    :raises PhotoNotFoundError: if it is not there
    """
    for photo in album:
        if photo["id"] == photo_id:
            return photo
    raise PhotoNotFoundError


def check_room(*, count: int, more: int = 1) -> None:
    """Refuse `more` photos beside the `count` that there are, where that is more than an item may have.

    :raises TooManyPhotosError: with `most`
    """
    if count + more > domain.MAX_PHOTOS:
        raise TooManyPhotosError(most=domain.MAX_PHOTOS)


def changed(album: Album, photo_id: str, *, alt: str | None = None, position: int | None = None) -> list[Photo]:
    """Return the photos with another text, or one in another place: 1 is the first, and what is beyond the last is the last."""
    photo = find(album, photo_id)
    if alt is not None:
        photo = {**photo, "alt": alt}
    if position is None:
        return [photo if other["id"] == photo_id else other for other in album]
    moved = removed(album, photo_id)
    moved.insert(position - 1, photo)
    return moved


def arranged(album: Album, *, alts: Mapping[str, str], positions: Mapping[str, int]) -> list[Photo]:
    """Return the photos with other texts, and some in other places, from 1; the others fill what is left in the order that they had."""
    for photo_id in {*alts, *positions}:
        find(album, photo_id)
    named: list[Photo] = [{**photo, "alt": alts.get(photo["id"], photo["alt"])} for photo in album]
    moved = [photo for photo in named if photo["id"] not in positions]
    for photo in sorted((photo for photo in named if photo["id"] in positions), key=lambda photo: positions[photo["id"]]):
        moved.insert(positions[photo["id"]] - 1, photo)
    return moved


def removed(album: Album, photo_id: str) -> list[Photo]:
    """Return the photos without one."""
    find(album, photo_id)
    return [other for other in album if other["id"] != photo_id]
