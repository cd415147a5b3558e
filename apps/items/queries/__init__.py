"""Reading items."""

import math
from collections.abc import Collection, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any
from uuid import UUID

from django.db.models import CharField, Exists, Expression, F, Func, IntegerField, OuterRef, Q, QuerySet, UUIDField
from django.db.models.functions import Abs, Cos, Radians
from django.db.models.lookups import GreaterThan

from apps.items import domain
from apps.items.errors import ItemNotFoundError
from apps.items.models import BlockedPeriod, BusyPeriod, Item, ItemManager
from gdmarket.prepared import Param, Prepared

SHOWN = (
    *("id", "manager_id", "name", "description", "category", "category_key", "daily_price", "deposit", "currency", "latitude", "longitude"),
    *("shown_latitude", "shown_longitude", "place", "pickup_place_id", "state", "availability", "photos", "version"),
    *("registered_at", "updated_at"),
)
"""The columns that the API shows or needs for it."""
# SQLite compiles a statement anew each time a parameter is compared with what an index is limited to: longer than most searches take.
LISTED, _WITHDRAWN, _OVER = (
    Func(template=f"'{value}'", output_field=CharField())
    for value in (domain.ItemState.LISTED, domain.ItemState.WITHDRAWN, domain.Hold.OVER)
)


def get_item(*, item_id: UUID) -> Mapping[str, Any]:
    """Return an item that is listed or paused: the columns in `SHOWN`.

    :raises ItemNotFoundError: if there is none, or it was withdrawn
    """
    item = _item().first(item_id=item_id)
    if item is None:
        raise ItemNotFoundError
    return item


@cache
def _item() -> Prepared[Mapping[str, Any]]:
    items: Any = _of_active_managers(Item.objects.exclude(state=_WITHDRAWN)).filter(id=Param("item_id", UUIDField()))
    return Prepared(items.values(*SHOWN))


def get_own_item(*, item_id: UUID, manager_id: UUID) -> Item:
    """Return a manager's item, listed or paused.

    :raises ItemNotFoundError: if there is none, it was withdrawn, or it is another's
    """
    try:
        return Item.objects.exclude(state=domain.ItemState.WITHDRAWN).get(id=item_id, manager_id=manager_id)
    except Item.DoesNotExist as missing:
        raise ItemNotFoundError from missing


def list_items(*, after: UUID | None = None, item_ids: Collection[UUID] | None = None) -> QuerySet[Item]:
    """List the items, withdrawn ones among them, in the order of their ids after `after`; of `item_ids` where given."""
    items = Item.objects.order_by("id")
    items = items if item_ids is None else items.filter(id__in=item_ids)
    return items if after is None else items.filter(id__gt=after)


def list_listed_items() -> QuerySet[Item]:
    """List the items that can be found and requested: none that is paused, none of a suspended manager."""
    return _of_active_managers(Item.objects.filter(state=LISTED))


def _of_active_managers(items: QuerySet[Item]) -> QuerySet[Item]:
    # One look at a table that is all but empty, not one for each item.
    return items.exclude(manager_id__in=list_suspended_managers())


def list_suspended_managers() -> QuerySet[ItemManager, UUID]:
    """List the ids of the managers whose items are hidden."""
    return ItemManager.objects.filter(is_suspended=True).values_list("manager_id", flat=True)


def list_manager_ids(*, after: UUID | None = None) -> QuerySet[Item, UUID]:
    """List the ids of all managers of items after `after`, in order, each once."""
    items = Item.objects.all() if after is None else Item.objects.filter(manager_id__gt=after)
    return items.order_by("manager_id").values_list("manager_id", flat=True).distinct()


def list_newest_ids(*, manager_id: UUID) -> QuerySet[Item, UUID]:
    """List the ids of a manager's items, withdrawn ones among them, the newest first."""
    return Item.objects.filter(manager_id=manager_id).order_by("-id").values_list("id", flat=True)


def list_names(*, item_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of these items, withdrawn ones among them; unknown ids are left out."""
    return dict(Item.objects.filter(id__in=item_ids).values_list("id", "name"))


def list_photo_files() -> set[str]:
    """Return the digests of all photos that items have, withdrawn ones among them: it looks at every item with photos."""
    albums = Item.objects.exclude(photos=None).values_list("photos", flat=True)
    return {photo["file"] for photos in albums.iterator() for photo in photos or ()}


def list_open_periods(*, item_id: UUID) -> QuerySet[BusyPeriod]:
    """List the periods in which open rentals hold an item, the earliest first."""
    return BusyPeriod.objects.exclude(hold=domain.Hold.OVER).filter(item_id=item_id).order_by("starts_at", "rental_id")


def list_holders(*, item_ids: Collection[UUID]) -> dict[UUID, BusyPeriod]:
    """Return for each of these items that an open rental holds the one that is out, or else the one that begins first."""
    held = BusyPeriod.objects.exclude(hold=domain.Hold.OVER).filter(item_id__in=item_ids)
    # The last of those that stand for one item stays: the most urgent.
    in_order = sorted(held, key=lambda period: (period.hold != domain.Hold.RENTED, period.starts_at, period.rental_id), reverse=True)
    return {period.item_id: period for period in in_order}


def list_unblurred(*, after: UUID | None = None) -> QuerySet[Item]:
    """List the items that strangers are shown nowhere, or farther away than blurring moves them; ordered by id after `after`."""
    reach = 1.01 * math.degrees(domain.BLUR_M / domain.EARTH_RADIUS_M)
    north, east = Abs(F("latitude") - F("shown_latitude")), Abs(F("longitude") - F("shown_longitude")) * Cos(Radians(F("latitude")))
    far = Q(shown_latitude=None) | Q(shown_longitude=None) | Q(GreaterThan(north, reach)) | Q(GreaterThan(east, reach))
    return list_items(after=after).filter(far)


def free(*, items: QuerySet[Item], starts_at: datetime, ends_at: datetime, now: datetime) -> QuerySet[Item]:
    """Keep the items that no open rental holds, and no manager blocks, within `[starts_at, ends_at)`.

    One that is overdue is held until it is returned.
    """
    clashing = Q(starts_at__lt=ends_at, ends_at__gt=starts_at) | Q(hold=domain.Hold.RENTED, ends_at__lte=now)
    busy = BusyPeriod.objects.exclude(hold=_OVER).filter(clashing, item=OuterRef("id"))
    blocked = BlockedPeriod.objects.filter(is_lifted=False, starts_at__lt=ends_at, ends_at__gt=starts_at, item=OuterRef("id"))
    return items.exclude(Exists(busy)).exclude(Exists(blocked))


DISTANCE_M = "items_distance_m"
"""The SQL function of SQLite, made with each connection: Django's own sines and roots are calls of Python, too, ten for a row."""


def distance_m(*, latitude: Expression, longitude: Expression) -> Func:
    """Return the great-circle distance in whole metres of where an item is shown from a point.

    From exact distances anybody could compute where an item is.

    Source: R. W. Sinnott, "Virtues of the Haversine", Sky & Telescope 68 (1984); the root is kept <= 1 against rounding.
    """
    return _Distance("shown_latitude", "shown_longitude", latitude, longitude)


class _Distance(Func):
    """The distance of the first two columns, degrees, from a point; rounded as Python does. Django's own rounds by way of decimals."""

    output_field = IntegerField()

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # type: ignore[override]  # it has no template
        (south, _a), (west, _b), (north, at_north), (east, at_east) = (compiler.compile(each) for each in self.get_source_expressions())
        sine_north, sine_east = f"sin((radians({south}) - radians({north})) / 2)", f"sin((radians({west}) - radians({east})) / 2)"
        haversine = f"{sine_north} * {sine_north} + cos(radians({south})) * cos(radians({north})) * {sine_east} * {sine_east}"
        metres = f"{2 * domain.EARTH_RADIUS_M}::double precision * asin(least(sqrt({haversine}), 1))"
        return f"round({metres})::integer", [*at_north, *at_north, *at_north, *at_east, *at_east]

    def as_sqlite(self, compiler: Any, connection: Any, **_: Any) -> Any:
        parts = [compiler.compile(source) for source in self.get_source_expressions()]
        return f"{DISTANCE_M}({', '.join(sql for sql, _ in parts)})", [param for _, params in parts for param in params]


def make_functions(*, connection: Any, **_: Any) -> None:
    """Make the functions of a new connection."""
    if connection.vendor == "sqlite":
        connection.connection.create_function(DISTANCE_M, 4, _rounded_distance_m, deterministic=True)


# SQLite asks twice for a row, to compare and to show it.
@lru_cache(maxsize=512)
def _rounded_distance_m(south: float | None, west: float | None, north: float, east: float) -> int | None:
    if south is None or west is None:
        return None
    return round(domain.distance_m(here=(south, west), there=(north, east)))
