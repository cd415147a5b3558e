"""What other contexts may ask of items: snapshots, to compare or rebuild a copy with."""

from collections.abc import Collection
from uuid import UUID

from apps.items import queries
from apps.items.contracts import ItemSnapshot
from gdmarket.contracts import build


def count_items() -> int:
    """Return how many items there are, withdrawn ones among them."""
    return queries.list_items().count()


def list_snapshots(*, after: UUID | None = None, limit: int = 500, item_ids: Collection[UUID] | None = None) -> list[ItemSnapshot]:
    """Return up to `limit` items, withdrawn ones among them, in the order of their ids after `after`; of `item_ids` where given."""
    items = queries.list_items(after=after, item_ids=item_ids)[:limit]
    return [build(ItemSnapshot, item, item_id=item.id, occurred_at=item.updated_at) for item in items]
