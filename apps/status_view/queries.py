"""Reading the view: whose rows, one or many. A row with `version` 0 has neither manager nor renter, so nobody sees it."""

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from threading import BoundedSemaphore
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count, DurationField, ExpressionWrapper, F, Q, QuerySet, Sum, UUIDField, Value
from django.db.models.functions import Greatest, Least, TruncDate

from apps.status_view import domain
from apps.status_view.errors import ItemStatusNotFoundError, RentalStatusNotFoundError
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket.prepared import Param, Prepared, among
from gdmarket.prepared_rows import Either, PreparedRows, equal
from gdmarket.text_columns import holding

# A row as a mapping of its columns: the most frequent reads build no model.
Row = Mapping[str, Any]
Items = QuerySet[ItemStatus, Row]
Rentals = QuerySet[RentalStatus, Row]

# The states of a rental that was paid and not cancelled; of one whose money may still go back; of one that is not paid yet.
_STANDING = ("paid", "rented", "returned", "no_show")
_NOT_OVER = ("paid", "rented")
_NOT_PAID = ("requested", "paying")
# How long a read with `min_version` waits for that version, and how often it looks.
_PATIENCE_S = 0.2
_INTERVAL_S = 0.01
# How many threads of a process wait at once, a quarter of them: the others are for those who do not wait.
_waiting = BoundedSemaphore(max(1, settings.GDMARKET_THREADS // 4))


def _holding() -> Rentals:
    open_ones = RentalStatus.objects.filter(state__in=domain.OPEN, closed_at=None).order_by("id")
    rentals: Rentals = open_ones.values("item_id", *domain.HOLDING_PART)
    return rentals


_HOLDING = Prepared(_holding().filter(among("item_id", "item_ids", UUIDField())))


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """The paid rentals in a currency whose period begins on a day.

    How many they are, their income in minor units, and for how long they were out by `until`.
    """

    on: date
    currency: str
    rentals: int
    income: int
    lent_for: timedelta


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenMoney:
    """Of the open rentals of an item, in a currency, in minor units.

    `standing` is what was paid and not given back of rentals that are not over; `requested`, the price of those that are not paid.
    """

    item_id: UUID | None
    currency: str
    standing: int
    requested: int


def count_items(*, manager_id: UUID) -> int:
    """Return how many items a manager has that are listed or paused."""
    return ItemStatus.objects.filter(manager_id=manager_id, version__gt=0, state__in=("listed", "paused")).count()


def sum_days(*, manager_id: UUID, since: datetime, until: datetime, zone: tzinfo) -> list[Day]:
    """Return the days on which a manager's paid rentals begin whose period ends after `since`, each currency by itself.

    A day's income is what its rentals paid from `since` on, less what was given back. Out is an item for the period that was booked and not
    cancelled, as far as it lies between `since` and `until`.
    """
    paid = RentalStatus.objects.filter(manager_id=manager_id, paid_at__isnull=False, ends_at__gt=since)
    stands = Q(state__in=_STANDING)
    lent_for = ExpressionWrapper(Least("ends_at", Value(until)) - Greatest("starts_at", Value(since)), output_field=DurationField())
    days = paid.order_by().values("currency", on=TruncDate("starts_at", tzinfo=zone))
    sums = days.annotate(
        rentals=Count("id", filter=stands),
        income=Sum(F("paid") - F("refunded"), filter=Q(paid_at__gte=since), default=0),
        lent_for=Sum(lent_for, filter=stands & Q(starts_at__lt=until), default=timedelta()),
    )
    return [Day(**day) for day in sums.order_by("on", "currency")]


def sum_open_money(*, manager_id: UUID) -> list[OpenMoney]:
    """Return the money of a manager's open rentals, a row for each item and currency that has any; in no order."""
    rentals = RentalStatus.objects.filter(manager_id=manager_id, state__in=domain.OPEN).order_by()
    sums = rentals.values("item_id", "currency").annotate(
        standing=Sum(F("paid") - F("refunded"), filter=Q(state__in=_NOT_OVER), default=0),
        requested=Sum("price", filter=Q(state__in=_NOT_PAID), default=0),
    )
    return [OpenMoney(**row) for row in sums]


def find_rental(*, rental_id: UUID) -> Row | None:
    """Return a rental, whosever it is, or None where the view has not heard of it."""
    rentals: Rentals = RentalStatus.objects.filter(id=rental_id, version__gt=0).values(*_SHOWN)
    return rentals.first()


def list_thumbnails(*, item_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the names of the files with these items' thumbnails, of those that have one."""
    named = ItemStatus.objects.filter(id__in=item_ids, thumbnail__isnull=False).values_list("id", "thumbnail")
    return {item_id: thumbnail for item_id, thumbnail in named if thumbnail}


def list_newest_rentals(*, item_id: UUID, limit: int) -> list[Row]:
    """Return an item's newest rentals."""
    rentals = RentalStatus.objects.filter(item_id=item_id, version__gt=0).order_by("-requested_at", "id")
    return list(rentals.values("id", "renter_id", "starts_at", "ends_at", "state", "overdue")[:limit])


def list_open_rentals(*, item_ids: Collection[UUID]) -> Iterable[Row]:
    """Return the rentals that hold these items: the columns that an item's row shows. One that is over and being refunded does not."""
    return _HOLDING.all(item_ids=list(item_ids)) if item_ids else ()


def list_items(*, manager_id: UUID, q: str = "", **columns: object) -> Items | PreparedRows[Row]:
    """Return a manager's items; every word of `q` is looked for in name, category and place, other columns are compared as they are."""
    if q:
        return holding(rows=ItemStatus.objects.filter(manager_id=manager_id, **columns), words=q).values()
    return PreparedRows(_items, *columns, manager_id=manager_id, **columns)


def _items(*names: str) -> Items:
    items: Items = ItemStatus.objects.filter(**equal(ItemStatus, ("manager_id", *names))).values(*_SHOWN_ITEM)
    return items


def get_item(*, item_id: UUID, manager_id: UUID, min_version: int = 0) -> Row:
    """Return one of a manager's items, at `min_version` or later where it comes to that within 200 ms.

    :raises ItemStatusNotFoundError: if there is none, or it is another's
    """
    row = _awaited(lambda: _ITEM.first(id=item_id, manager_id=manager_id), min_version=min_version)
    if row is None:
        raise ItemStatusNotFoundError(item=str(item_id))
    return row


def list_rentals(*, person_id: UUID, role: str | None = None, **columns: object) -> PreparedRows[Row]:
    """Return the rentals a person is the renter or the manager of, or only those in one `role`; other columns are compared as they are."""
    return PreparedRows(_rentals, role, *columns, person_id=person_id, **columns)


def _rentals(role: str | None, *names: str) -> Rentals | Either[Row]:
    rentals: Rentals = RentalStatus.objects.filter(**equal(RentalStatus, names)).values(*_SHOWN)
    return rentals.filter(_PARTIES[role]) if role else Either(rows=rentals, conditions=tuple(_PARTIES.values()))


def get_rental(*, rental_id: UUID, person_id: UUID, min_version: int = 0) -> Row:
    """Return one rental to its renter or manager, at `min_version` or later where it comes to that within 200 ms.

    :raises RentalStatusNotFoundError: if there is none, or it is others'
    """
    row = _awaited(lambda: _RENTAL.first(id=rental_id, person_id=person_id), min_version=min_version)
    if row is None:
        raise RentalStatusNotFoundError(rental=str(rental_id))
    return row


def _awaited(read: Callable[[], Row | None], *, min_version: int) -> Row | None:
    """Return the row once it is at `min_version`, or as it is after 200 ms; at once where too many wait already."""
    row = read()
    if _is_at(row, min_version) or not _waiting.acquire(blocking=False):
        return row
    try:
        until = time.monotonic() + _PATIENCE_S
        while not _is_at(row, min_version) and time.monotonic() < until:
            time.sleep(_INTERVAL_S)
            row = read()
    finally:
        _waiting.release()
    return row


def _is_at(row: Row | None, version: int) -> bool:
    return (row["version"] if row else 0) >= version


_PERSON = Param("person_id", UUIDField())
_PARTIES = {"renter": Q(renter_id=_PERSON), "manager": Q(manager_id=_PERSON)}
# The columns that the API shows.
_SHOWN_ITEM = ("id", *domain.ITEM_PART, "availability", *domain.CURRENT_PART, "updated_at")
_SHOWN = ("id", *domain.RENTAL_PART, "paid", "refunded", "timeline", "updated_at")
_ITEM: Prepared[Row] = Prepared(ItemStatus.objects.filter(**equal(ItemStatus, ("id", "manager_id"))).values(*_SHOWN_ITEM))
_RENTAL: Prepared[Row] = Prepared(
    RentalStatus.objects.filter(_PARTIES["renter"] | _PARTIES["manager"], **equal(RentalStatus, ("id",))).values(*_SHOWN)
)
