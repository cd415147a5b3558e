"""What crosses the boundary of items: each public field is written once, here; facts and snapshots derive from it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemSnapshot:
    """An item; prices in minor units of `currency`, degrees in WGS 84; `occurred_at` is its last change.

    `thumbnail` names the file with its first photo, in Django's storage; None: it has no photo; empty: an event of before
    photos, which does not tell. A new field needs a default, for stored events lack it.
    """

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
    thumbnail: str | None = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemDetails(ItemSnapshot):
    """An item with its description, which may be long: up to 2,000 characters."""

    description: str
