"""What items tells the others."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class _ItemFact:
    """Everything public about an item, as it stands after the fact; prices in minor units of `currency`."""

    item_id: UUID
    manager_id: UUID
    name: str
    category: str
    place: str
    latitude: float
    longitude: float
    daily_price: int
    deposit: int
    currency: str
    state: str
    version: int
    occurred_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemRegistered(_ItemFact):
    """An item manager put an item up for rent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemRevised(_ItemFact):
    """Something about a listed item changed. Not sent when only its availability did."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemWithdrawn(_ItemFact):
    """An item can no longer be requested. Rentals already agreed are not touched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RentalRefused:
    """Items cannot honour a rental: the item had been withdrawn when the request arrived. Not sent for a double booking."""

    rental_id: UUID
    item_id: UUID
    reason: str
    occurred_at: datetime
