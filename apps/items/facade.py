"""What neighbours may ask of items: how every item stands, so that a copy can be compared or made anew."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.items import queries


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemSnapshot:
    """What items' facts say of an item, as it stands; prices in minor units of `currency`; `occurred_at` is its last change."""

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


def count_items() -> int:
    """Return how many items there are, withdrawn ones among them."""
    return queries.list_items().count()


def list_snapshots(*, after: UUID | None = None, limit: int = 500, item_ids: Collection[UUID] | None = None) -> list[ItemSnapshot]:
    """Return up to `limit` items, withdrawn ones among them, in the order of their ids after `after`; of `item_ids` where given."""
    items = queries.list_items(after=after, item_ids=item_ids)[:limit]
    return [ItemSnapshot(**queries.public(item=item), occurred_at=item.updated_at) for item in items]
