"""Changing items: register, revise, withdraw; reserve and free their periods for rentals."""

import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar, Unpack
from uuid import UUID

from django.db.models import UUIDField

from apps.items import domain
from apps.items.errors import CodeTakenError, ItemBusyError, ItemIdTakenError, ItemNotFoundError, VersionMismatchError
from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn, RentalRefused
from apps.items.models import BusyPeriod, Item, ItemManager, PickupPlace, PlaceSeed
from apps.items.photos.album import Photo
from apps.items.queries import categories as known
from apps.items.services import photo_files, places
from apps.rentals.contracts import RentalSnapshot
from gdmarket import bus, databases, text
from gdmarket.contracts import build
from gdmarket.prepared import Param, Prepared
from gdmarket.prepared_writes import PreparedInsert, PreparedUpdate

# The columns that follow from others: `save` fills in the folded ones, `_blur` the place.
_FOLDED = ("search_text", "category_key")
_SHOWN = ("shown_latitude", "shown_longitude")
_WHERE = ("place", "latitude", "longitude")
MOVED_AT_ONCE = 50
"""How many items follow their pickup place in one transaction."""
_ITEM = Item.objects.filter(id=Param("item_id", UUIDField()))
_LOCKED_ITEM, _AVAILABILITY = Prepared(_ITEM.select_for_update(no_key=True)), PreparedUpdate(_ITEM, "availability")
_UPSERT = PreparedInsert(BusyPeriod, newer_by="version")
_OPEN_HOLDS = Prepared(
    BusyPeriod.objects.filter(item=Param("item_id", UUIDField())).exclude(hold=domain.Hold.OVER).values_list("hold", flat=True)
)
_Fact = TypeVar("_Fact", ItemRegistered, ItemRevised, ItemWithdrawn)


def register_item(
    *,
    item_id: UUID,
    manager_id: UUID,
    now: datetime,
    pickup_place: UUID | None = None,
    photos: Sequence[Photo] = (),
    **details: Unpack[domain.Details],
) -> Item:
    """Register an item under the id given; the same id again returns the item unchanged. The files of its photos were touched before.

    With a `pickup_place` of the manager's, `place`, `latitude` and `longitude` are its own, whatever else is given.
    :raises InvalidError: the subclass of the first field that is not acceptable
    :raises UnknownCategoryError: if there is no such category
    :raises PlaceNotFoundError: if the pickup place is unknown, or another manager's
    :raises ItemIdTakenError: if another manager's item has the id
    :raises CodeTakenError: if another item of the manager has the code
    """
    domain.check(details=details)
    category = known.get_category(category=details["category"])
    with databases.transaction_for("items"):
        written: dict[str, Any] = {**details, "category": category.name, "category_key": category.key}
        if photos:
            written["photos"] = list(photos)
        if pickup_place is not None:
            written |= _at(places.lock_place(place_id=pickup_place, manager_id=manager_id))
        _check_code(code=details.get("code"), manager_id=manager_id, item_id=item_id)
        shown = blurred_place(manager_id=manager_id, latitude=written["latitude"], longitude=written["longitude"])
        written |= {"manager_id": manager_id, "registered_at": now, "updated_at": now, **dict(zip(_SHOWN, shown, strict=True))}
        item, is_new = Item.objects.get_or_create(id=item_id, defaults=written)
        if is_new:
            photo_files.claim(files={photo["file"] for photo in photos}, now=now)
            bus.publish(_fact(ItemRegistered, item, now, description=item.description), stream=stream_of(item_id=item_id))
    if item.manager_id != manager_id:
        raise ItemIdTakenError
    return item


def revise_item(*, item_id: UUID, by: UUID, now: datetime, expected_version: int | None = None, **changes: Any) -> Item:
    """Change some of the `Details` of an own item. Nothing is published when nothing differs.

    `expected_version` is the version that the manager saw; None means any. With a `pickup_place`, the id of one of the manager's, the item
    is where that is; with None, or somewhere else, it is no longer at one.
    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    :raises VersionMismatchError: if the item is not at `expected_version`
    :raises InvalidError: the subclass of the first field that is not acceptable
    :raises UnknownCategoryError: if there is no such category
    :raises PlaceNotFoundError: if the pickup place is unknown, or another manager's
    """
    is_placed, pickup_place = "pickup_place" in changes, changes.pop("pickup_place", None)
    domain.check(details=changes)
    with databases.transaction_for("items"):
        # Places are locked before items, also where items follow their place.
        at = None if pickup_place is None else places.lock_place(place_id=pickup_place, manager_id=by)
        item = lock_own_item(item_id=item_id, by=by)
        check_version(item=item, expected=expected_version)
        if "category" in changes:
            changes |= _category(item, changes["category"])
        if changes.get("code") != item.code:
            _check_code(code=changes.get("code"), manager_id=by, item_id=item_id)
        if at is not None:
            changes |= _at(at)
        elif is_placed or any(name in changes and changes[name] != getattr(item, name) for name in _WHERE):
            changes["pickup_place_id"] = None
        _revise(item, changes, now)
    return item


def move_items(*, place_id: UUID, now: datetime) -> None:
    """Let the next items of a pickup place follow it to where it is; asks for the ones after them by another PickupPlaceRevised."""
    with databases.transaction_for("items"):
        place = PickupPlace.objects.select_for_update(no_key=True).filter(id=place_id).first()
        if place is None:
            return
        where = {name: getattr(place, "name" if name == "place" else name) for name in _WHERE}
        behind = Item.objects.filter(pickup_place=place).exclude(state=domain.ItemState.WITHDRAWN).exclude(**where)
        found = list(behind.select_for_update(no_key=True).order_by("id")[: MOVED_AT_ONCE + 1])
        for item in found[:MOVED_AT_ONCE]:
            _revise(item, _at(place), now)
        if len(found) > MOVED_AT_ONCE:
            places.publish_revision(place=place, now=now)


def withdraw_item(*, item_id: UUID, by: UUID, now: datetime) -> Item:
    """Withdraw an own item permanently.

    :raises ItemNotFoundError: if there is no such item, it was withdrawn before, or it is another's
    :raises ItemBusyError: if a rental of it is open, as far as items knows
    """
    with databases.transaction_for("items"):
        item = lock_own_item(item_id=item_id, by=by)
        if item.availability != domain.Availability.AVAILABLE:
            raise ItemBusyError(availability=item.availability)
        item.state = domain.ItemState.WITHDRAWN
        item.version += 1
        item.updated_at = item.withdrawn_at = now
        item.save(update_fields=["state", "version", "updated_at", "withdrawn_at"])
        bus.publish(_fact(ItemWithdrawn, item, now), stream=stream_of(item_id=item_id))
    return item


def blurred_place(*, manager_id: UUID, latitude: float, longitude: float) -> tuple[float, float]:
    """Return the latitude and longitude at which strangers are shown an item that is there, by its manager's own seed.

    The grid is secret: all items at one home are shown at one place, and nobody learns from items of their own where the borders of
    another's cells are.
    """
    row, _created = PlaceSeed.objects.get_or_create(manager_id=manager_id, defaults={"seed": secrets.token_hex(16)})
    return domain.blurred(latitude=latitude, longitude=longitude, seed=bytes.fromhex(row.seed))


def blur_places(*, item_ids: Collection[UUID]) -> int:
    """Blur the places of these items anew where that is missing, or belongs to where they were before; return of how many."""
    with databases.transaction_for("items"):
        items = [item for item in Item.objects.select_for_update(no_key=True).filter(id__in=item_ids).order_by("id") if not item.is_blurred]
        for item in items:
            _blur(item)
            item.save(update_fields=_SHOWN)
    return len(items)


def set_suspended(*, manager_id: UUID, is_suspended: bool, version: int) -> None:
    """Hide a suspended manager's items, or show those of one who is no longer; a version that is not newer changes nothing."""
    values = {"is_suspended": is_suspended, "version": version}
    with databases.transaction_for("items"):
        manager, created = ItemManager.objects.get_or_create(manager_id=manager_id, defaults=values)
        if not created:
            ItemManager.objects.filter(manager_id=manager.manager_id, version__lt=version).update(**values)


def reserve_item(*, rental: RentalSnapshot, now: datetime) -> None:
    """Reserve an item's period for a rental, or publish RentalRefused if the item is unknown or withdrawn."""
    with databases.transaction_for("items"):
        item = _lock_item(rental.item_id)
        if item is not None and item.state != domain.ItemState.WITHDRAWN:
            _hold(item, rental, domain.Hold.RESERVED)
            return
        if BusyPeriod.objects.filter(rental_id=rental.rental_id, version__gte=rental.version).exists():
            return  # it was reserved before, or is over
        reason = "item_unknown" if item is None else "item_withdrawn"
        refusal = RentalRefused(rental_id=rental.rental_id, item_id=rental.item_id, reason=reason, occurred_at=now)
        bus.publish(refusal, stream=stream_of(item_id=rental.item_id))


def lend_item(*, rental: RentalSnapshot) -> None:
    """Record that an item is rented out."""
    _hold_if_newer(rental, domain.Hold.RENTED)


def free_item(*, rental: RentalSnapshot) -> None:
    """Free an item's period: its rental is over."""
    _hold_if_newer(rental, domain.Hold.OVER)


def _hold_if_newer(rental: RentalSnapshot, hold: domain.Hold) -> None:
    with databases.transaction_for("items"):
        item = _lock_item(rental.item_id)
        if item is not None:
            _hold(item, rental, hold)


def _hold(item: Item, rental: RentalSnapshot, hold: domain.Hold) -> None:
    """Save how a rental holds its item, and the availability that follows, unless a later version of the rental was received before.

    The item's row is locked.
    """
    period = BusyPeriod(
        rental_id=rental.rental_id, item=item, starts_at=rental.starts_at, ends_at=rental.ends_at, hold=hold, version=rental.version
    )
    if not _UPSERT.run(period):
        return
    availability = domain.availability(holds={domain.Hold(hold) for hold in _OPEN_HOLDS.all(item_id=item.id)})
    if availability != item.availability:
        _AVAILABILITY.run(item_id=item.id, availability=availability)


def _revise(item: Item, changes: Mapping[str, Any], now: datetime) -> None:
    """Change columns of an item, whose row is locked, and publish it, if any differs."""
    differing = [field for field, value in changes.items() if getattr(item, field) != value]
    if not differing:
        return
    for field in differing:
        setattr(item, field, changes[field])
    item.version += 1
    item.updated_at = now
    has_moved = not {"latitude", "longitude"}.isdisjoint(differing)
    if has_moved:
        _blur(item)
    columns = dict.fromkeys([*differing, *_FOLDED, *(_SHOWN if has_moved else ()), "version", "updated_at"])
    item.save(update_fields=columns)
    publish_revision(item=item, description=item.description if "description" in differing else None, now=now)


def _check_code(*, code: str | None, manager_id: UUID, item_id: UUID) -> None:
    """Refuse a code that another item of the manager has; until the end of the transaction nobody else checks one of theirs."""
    if code is None:
        return
    places.lock_seed(manager_id=manager_id)
    if Item.objects.filter(manager_id=manager_id, code=code, withdrawn_at=None).exclude(id=item_id).exists():
        raise CodeTakenError(code=code)


def _category(item: Item, category: str) -> dict[str, str]:
    """Return the columns that change where an item gets the category that a text means: none, where it has that already."""
    if text.folded(text=category) in {text.folded(text=item.category), item.category_key}:
        return {"category": item.category}
    found = known.get_category(category=category)
    return {"category": found.name, "category_key": found.key}


def _at(place: PickupPlace) -> dict[str, Any]:
    """Return the columns of an item that is at a pickup place."""
    return {"pickup_place_id": place.id, "place": place.name, "latitude": place.latitude, "longitude": place.longitude}


def _blur(item: Item) -> None:
    item.shown_latitude, item.shown_longitude = blurred_place(manager_id=item.manager_id, latitude=item.latitude, longitude=item.longitude)


def lock_own_item(*, item_id: UUID, by: UUID) -> Item:
    """Return an own item that was not withdrawn, locked until the end of the transaction.

    :raises ItemNotFoundError: if there is no such item, it was withdrawn, or it is another's
    """
    item = _lock_item(item_id)
    if item is None or item.manager_id != by or item.state == domain.ItemState.WITHDRAWN:
        raise ItemNotFoundError
    return item


def check_version(*, item: Item, expected: int | None) -> None:
    """Refuse to change an item that is not at the version that its manager saw; None means any.

    :raises VersionMismatchError: with the `version` that it is at
    """
    if expected is not None and item.version != expected:
        raise VersionMismatchError(version=item.version)


def publish_revision(*, item: Item, description: str | None = None, now: datetime) -> None:
    """Publish that an item was revised, in the transaction in which it was saved; with its `description` if that is another."""
    bus.publish(_fact(ItemRevised, item, now, description=description), stream=stream_of(item_id=item.id))


def _lock_item(item_id: UUID) -> Item | None:
    return _LOCKED_ITEM.first(item_id=item_id)


def stream_of(*, item_id: UUID) -> str:
    """Return the stream of the events about an item."""
    return f"item:{item_id}"


def _fact(kind: type[_Fact], item: Item, now: datetime, **particulars: object) -> _Fact:
    """Return a fact with the item's snapshot."""
    return build(kind, item, item_id=item.id, occurred_at=now, **particulars)
