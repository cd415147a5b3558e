"""The facts that items publishes; each about an item carries its snapshot after the change."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.items.contracts import ItemSnapshot


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemRegistered(ItemSnapshot):
    """An item manager put an item up for rent. `description` is None in events from before it was told."""

    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemRevised(ItemSnapshot):
    """Something about a listed or paused item changed. Not sent when only its availability did, nor when it was paused or resumed.

    `description` is None where it is as before: most revisions do not touch it, and it may be long.
    """

    description: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemPaused(ItemSnapshot):
    """An item cannot be requested until it is resumed. Rentals that were requested before go on."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemResumed(ItemSnapshot):
    """A paused item can be requested again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemWithdrawn(ItemSnapshot):
    """An item can no longer be requested. Rentals already agreed are not touched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRefused:
    """Items cannot honour a rental: the item had been withdrawn when the request arrived. Not sent for a double booking."""

    rental_id: UUID
    item_id: UUID
    reason: str
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class PickupPlaceRevised:
    """A pickup place has another name or is elsewhere, and items that use it have yet to follow.

    Sent again as long as some have: they follow in batches, each by an ItemRevised. Not sent when only its address changed.
    """

    place_id: UUID
    manager_id: UUID
    version: int
    occurred_at: datetime
