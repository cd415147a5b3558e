"""What other contexts may ask of items: snapshots, to compare or rebuild a copy with."""

from collections.abc import Collection
from uuid import UUID

from apps.items import queries, services
from apps.items.contracts import ItemDetails, ItemSnapshot
from apps.items.services import categories
from gdmarket.contracts import build


def count_items() -> int:
    """Return how many items there are, withdrawn ones among them."""
    return queries.list_items().count()


def blur_places(*, item_ids: Collection[UUID]) -> int:
    """Blur the places of these items anew where strangers are shown none, or one of before; return of how many."""
    return services.blur_places(item_ids=item_ids)


def create_missing_categories() -> int:
    """Make a category of every text that items have and no category is known by; return how many were made."""
    return categories.create_missing_categories()


def list_manager_ids(*, after: UUID | None = None, limit: int = 500) -> list[UUID]:
    """Return up to `limit` ids of managers of items, in order after `after`, each once."""
    return list(queries.list_manager_ids(after=after)[:limit])


def list_unblurred(*, after: UUID | None = None, limit: int = 500) -> list[UUID]:
    """Return up to `limit` ids, in order after `after`, of items whose places may have to be blurred anew."""
    return list(queries.list_unblurred(after=after).values_list("id", flat=True)[:limit])


def list_streams_about(*, item_or_manager_id: UUID, limit: int) -> list[str]:
    """Return the streams of the events about an item, or about up to `limit` items of a manager, the newest first."""
    of_manager = queries.list_newest_ids(manager_id=item_or_manager_id)[:limit]
    return [services.stream_of(item_id=item_id) for item_id in (item_or_manager_id, *of_manager)]


def list_details(*, item_ids: Collection[UUID]) -> list[ItemDetails]:
    """Return these items, withdrawn ones among them, with their descriptions, in the order of their ids; unknown ids are left out."""
    items = queries.list_items(item_ids=item_ids)
    return [build(ItemDetails, item, item_id=item.id, occurred_at=item.updated_at) for item in items]


def list_snapshots(*, after: UUID | None = None, limit: int = 500, item_ids: Collection[UUID] | None = None) -> list[ItemSnapshot]:
    """Return up to `limit` items, withdrawn ones among them, in the order of their ids after `after`; of `item_ids` where given."""
    items = queries.list_items(after=after, item_ids=item_ids)[:limit]
    return [build(ItemSnapshot, item, item_id=item.id, occurred_at=item.updated_at) for item in items]
