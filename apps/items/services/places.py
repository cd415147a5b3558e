"""Changing the pickup places of managers: add, revise, delete."""

import secrets
from datetime import datetime
from typing import Any, NotRequired, TypedDict, Unpack
from uuid import UUID

from django.conf import settings

from apps.items import domain
from apps.items.errors import PlaceInUseError, PlaceNotFoundError, PlaceVersionMismatchError, TooManyPlacesError
from apps.items.events import PickupPlaceRevised
from apps.items.models import Item, PickupPlace, PlaceSeed
from gdmarket import bus, databases

_FOLLOWED = {"name", "latitude", "longitude"}


class PlaceDetails(TypedDict):
    """What a manager enters of a pickup place; degrees in WGS 84."""

    name: str
    address: NotRequired[str]
    latitude: float
    longitude: float


def add_place(*, place_id: UUID, manager_id: UUID, now: datetime, **details: Unpack[PlaceDetails]) -> PickupPlace:
    """Add a pickup place under the id given; the same id again returns the place unchanged.

    :raises InvalidError: the subclass of the first detail that is not acceptable, OutsideAreaError among them
    :raises PlaceNotFoundError: if another manager's place has the id
    :raises TooManyPlacesError: if the manager has as many as may be
    """
    _check(details)
    with databases.transaction_for("items"):
        lock_seed(manager_id=manager_id)  # so that two that are added at once are counted
        own = PickupPlace.objects.filter(manager_id=manager_id)
        if own.count() >= domain.MAX_PLACES and not own.filter(id=place_id).exists():
            raise TooManyPlacesError(most=domain.MAX_PLACES)
        written = {"manager_id": manager_id, "registered_at": now, "updated_at": now, **details}
        place, _is_new = PickupPlace.objects.get_or_create(id=place_id, defaults=written)
    if place.manager_id != manager_id:
        raise PlaceNotFoundError
    return place


def revise_place(*, place_id: UUID, by: UUID, now: datetime, expected_version: int | None = None, **changes: Any) -> PickupPlace:
    """Change some of the details of an own pickup place. The items that use it follow in batches, each by an ItemRevised.

    `expected_version` is the version that the manager saw; None means any.
    :raises PlaceNotFoundError: if there is no such place, or it is another's
    :raises PlaceVersionMismatchError: if the place is not at `expected_version`
    :raises InvalidError: the subclass of the first detail that is not acceptable, OutsideAreaError among them
    """
    with databases.transaction_for("items"):
        place = lock_place(place_id=place_id, manager_id=by)
        if expected_version is not None and place.version != expected_version:
            raise PlaceVersionMismatchError(version=place.version)
        differing = [name for name, value in changes.items() if getattr(place, name) != value]
        if not differing:
            return place
        for name in differing:
            setattr(place, name, changes[name])
        _check({name: getattr(place, name) for name in ("name", "address", "latitude", "longitude")})
        place.version += 1
        place.updated_at = now
        place.save(update_fields=[*differing, "version", "updated_at"])
        if not _FOLLOWED.isdisjoint(differing):
            publish_revision(place=place, now=now)
    return place


def delete_place(*, place_id: UUID, by: UUID) -> None:
    """Delete an own pickup place that no item uses. Items that were withdrawn keep where they were.

    :raises PlaceNotFoundError: if there is no such place, or it is another's
    :raises PlaceInUseError: if items use it
    """
    with databases.transaction_for("items"):
        place = lock_place(place_id=place_id, manager_id=by)
        items = Item.objects.filter(pickup_place=place)
        if items.exclude(state=domain.ItemState.WITHDRAWN).exists():
            raise PlaceInUseError
        items.update(pickup_place=None)
        place.delete()


def lock_place(*, place_id: UUID, manager_id: UUID) -> PickupPlace:
    """Return a manager's pickup place, which stays where it is until the transaction ends.

    :raises PlaceNotFoundError: if there is no such place, or it is another's
    """
    place = PickupPlace.objects.select_for_update(no_key=True).filter(id=place_id, manager_id=manager_id).first()
    if place is None:
        raise PlaceNotFoundError
    return place


def lock_seed(*, manager_id: UUID) -> PlaceSeed:
    """Return a manager's seed, of which there is one from the first place or item on, locked until the end of the transaction."""
    PlaceSeed.objects.get_or_create(manager_id=manager_id, defaults={"seed": secrets.token_hex(16)})
    return PlaceSeed.objects.select_for_update(no_key=True).get(manager_id=manager_id)


def check_in_area(*, latitude: float, longitude: float) -> None:
    """Validate that a place lies in the market's area.

    :raises OutsideAreaError: if it does not
    """
    domain.check_in_area(latitude=latitude, longitude=longitude, area=settings.GDMARKET_AREA)


def publish_revision(*, place: PickupPlace, now: datetime) -> None:
    """Publish that items have yet to follow their pickup place."""
    fact = PickupPlaceRevised(place_id=place.id, manager_id=place.manager_id, version=place.version, occurred_at=now)
    bus.publish(fact, stream=f"place:{place.id}")


def _check(details: Any) -> None:
    domain.check(details={"place" if name == "name" else name: value for name, value in details.items()})
    check_in_area(latitude=details["latitude"], longitude=details["longitude"])
