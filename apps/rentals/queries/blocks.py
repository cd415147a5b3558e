"""Reading which periods managers have blocked."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from apps.rentals.errors import BlockNotFoundError
from apps.rentals.models import Block, Listing


def get_block(*, block_id: UUID) -> Block:
    """Return a block.

    :raises BlockNotFoundError: if there is none, or it was lifted
    """
    try:
        return Block.objects.get(id=block_id)
    except Block.DoesNotExist as missing:
        raise BlockNotFoundError from missing


def list_blocks(*, item_ids: Collection[UUID], since: datetime, until: datetime) -> QuerySet[Block]:
    """List the blocks of these items within `[since, until)`, the earliest first."""
    return _overlapping(item_ids=item_ids, starts_at=since, ends_at=until).order_by("starts_at", "id")


def find_block(*, item_id: UUID, starts_at: datetime, ends_at: datetime) -> Block | None:
    """Return the first block of an item within `[starts_at, ends_at)`, or None."""
    return _overlapping(item_ids=[item_id], starts_at=starts_at, ends_at=ends_at).order_by("starts_at", "id").first()


def is_blocked(*, listing: Listing, starts_at: datetime, ends_at: datetime) -> bool:
    """Return whether a part of `[starts_at, ends_at)` is blocked for an item whose listing is locked."""
    # Most items have no block ahead, and nothing more is read for them.
    if listing.blocked_until is None or listing.blocked_until <= starts_at:
        return False
    return _overlapping(item_ids=[listing.item_id], starts_at=starts_at, ends_at=ends_at).exists()


def name_items(*, item_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of these items, of those that rentals knows."""
    return dict(Listing.objects.filter(item_id__in=item_ids).values_list("item_id", "name"))


def list_listings(*, manager_id: UUID | None) -> QuerySet[Listing]:
    """List the items that can be blocked by name: a manager's; without a manager, everybody's."""
    listings = Listing.objects.filter(withdrawn=False).order_by("name", "item_id")
    return listings if manager_id is None else listings.filter(manager_id=manager_id)


def _overlapping(*, item_ids: Collection[UUID], starts_at: datetime, ends_at: datetime) -> QuerySet[Block]:
    return Block.objects.filter(item_id__in=item_ids, ends_at__gt=starts_at, starts_at__lt=ends_at)
