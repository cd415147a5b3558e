"""The items that the board shows, by name, narrowed as its reader likes."""

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from apps.items import domain
from apps.items.models import BusyPeriod, Item
from apps.items.queries import LISTED, categories, free
from gdmarket.keyset import beyond
from gdmarket.text_columns import holding

ORDER = ("name", "id")
_BACKWARDS = ("-name", "-id")


class Narrowing(StrEnum):
    """Which items are shown, by how they are rented."""

    FREE = "free"
    OVERDUE = "overdue"


def list_board_items(
    *,
    manager_ids: Collection[UUID] | None,
    q: str = "",
    category: str = "",
    place_id: UUID | None = None,
    narrowing: Narrowing | None = None,
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> QuerySet[Item]:
    """List the items of these managers, or of all without them; those that are paused are among them, those that were withdrawn are not.

    Free is what is listed, and held in no part of the time.
    """
    items = Item.objects.only("id", "manager_id", "name", "state", "photos").filter(withdrawn_at=None)
    if manager_ids is not None:
        items = items.filter(manager_id__in=manager_ids)
    if narrowing is Narrowing.FREE:
        items = items.filter(state=LISTED)
    if category:
        items = items.filter(category_key=categories.key_of(category=category))
    if place_id:
        items = items.filter(pickup_place_id=place_id)
    if narrowing is Narrowing.FREE:
        items = free(items=items, starts_at=max(starts_at, now), ends_at=ends_at, now=now) if ends_at > now else items.none()
    if narrowing is Narrowing.OVERDUE:
        items = items.filter(Exists(BusyPeriod.objects.filter(item=OuterRef("id"), hold=domain.Hold.RENTED, ends_at__lte=now)))
    return holding(rows=items, words=q).order_by(*ORDER)


def page(*, items: QuerySet[Item], after: UUID | None, before: UUID | None, limit: int) -> tuple[list[Item], bool, bool]:
    """Return up to `limit` items after or before one of them, and whether others come before these and after them."""
    beside = after or before
    named = items.filter(id=beside).values_list(*ORDER).first() if beside else None
    if named is None:
        found = list(items[: limit + 1])
        return found[:limit], False, len(found) > limit
    if after:
        found = list(items.filter(beyond(order=ORDER, keys=named))[: limit + 1])
        return found[:limit], True, len(found) > limit
    found = list(items.order_by(*_BACKWARDS).filter(beyond(order=_BACKWARDS, keys=named))[: limit + 1])
    return found[:limit][::-1], len(found) > limit, True
