"""Comparing the view that is read with what the owners say."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from uuid import UUID

from apps.items import facade as items
from apps.rentals import facade as rentals
from apps.status_view import domain
from apps.status_view.models import ItemStatus, RentalStatus
from apps.status_view.services import owners, rows
from apps.status_view.services.owners import Sources

Row = TypeVar("Row", ItemStatus, RentalStatus)

# How a row was kept, not what it says. A rental's `updated_at` is its last fact's; an item's, that of the last that changed its row.
_BOOKKEEPING = {"item": {"key", "generation", "id", "revision", "updated_at"}, "rental": {"key", "generation", "id", "revision"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One place where a row does not say what the owners say; `kind` is `item` or `rental`."""

    kind: str
    id: UUID
    column: str
    stored: object
    expected: object


def list_differences(*, sources: Sources, now: datetime) -> Iterator[list[Difference]]:
    """Yield, row by row, where the view that is read differs from what the owners say: an empty list for a row that is right.

    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read
    """
    for ids in _pages(lambda after: _owned_rentals(after=after, now=now)):
        yield from _of_rentals(ids, sources=sources, now=now)
    for ids in _pages(lambda after: _shown(RentalStatus, after=after)):
        yield from _of_rentals(set(ids) - set(_owned_rentals(rental_ids=ids, now=now)), sources=sources, now=now)
    for ids in _pages(lambda after: _owned_items(after=after)):
        yield from _of_items(ids, now=now)
    for ids in _pages(lambda after: _shown(ItemStatus, after=after)):
        yield from _of_items(set(ids) - set(_owned_items(item_ids=ids)), now=now)


def look_again(*, suspects: Iterable[Sequence[Difference]], sources: Sources, now: datetime) -> list[Difference]:
    """Return where rows that differed still differ: those whose deliveries arrived meanwhile are forgiven."""
    ids: dict[str, list[UUID]] = defaultdict(list)
    for found in suspects:
        ids[found[0].kind].append(found[0].id)
    still = [*_of_rentals(ids["rental"], sources=sources, now=now), *_of_items(ids["item"], now=now)]
    return [difference for found in still for difference in found]


def _of_rentals(ids: Collection[UUID], *, sources: Sources, now: datetime) -> Iterator[list[Difference]]:
    for page in _cut(ids):
        stored = {row.id: row for row in RentalStatus.objects.filter(id__in=page)}
        expected = rows.blank(rental_ids=page)
        owners.ask_of_rentals(sources=sources, rental_ids=page, now=now).fold_into(expected)
        # What the log has forgotten, the view alone remembers.
        expected.recall(timelines={row.id: row.timeline for row in stored.values()})
        yield from (_differences(stored.get(row_id, RentalStatus(id=row_id)), expected.rentals[row_id]) for row_id in page)


def _of_items(ids: Collection[UUID], *, now: datetime) -> Iterator[list[Difference]]:
    for page in _cut(ids):
        stored = {row.id: row for row in ItemStatus.objects.filter(id__in=page)}
        holding = rentals.list_holding(item_ids=page, now=now)
        expected = rows.blank(item_ids=page, rental_ids=[rental.rental_id for rental in holding])
        expected.fold_snapshots(rentals=holding, payments=())
        expected.fold(items=items.list_snapshots(item_ids=page))
        for row_id, row in expected.items.items():
            expected.change(row, domain.held_by(open_rentals=[vars(held) for held in expected.rentals.values() if held.item_id == row_id]))
            yield _differences(stored.get(row_id, ItemStatus(id=row_id)), row)


def _differences(row: ItemStatus | RentalStatus, expected: ItemStatus | RentalStatus) -> list[Difference]:
    kind = "item" if isinstance(row, ItemStatus) else "rental"
    if bool(row.version) != bool(expected.version):
        stands, should = (f"version {found.version}" if found.version else "missing" for found in (row, expected))
        return [Difference(kind=kind, id=row.id, column="(row)", stored=stands, expected=should)]
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in _BOOKKEEPING[kind]]  # noqa: SLF001  # Django documents it
    pairs = [(name, getattr(row, name), getattr(expected, name)) for name in names]
    return [
        Difference(kind=kind, id=row.id, column=name, stored=stands, expected=should) for name, stands, should in pairs if stands != should
    ]


def _pages(ids_after: Callable[[UUID | None], Sequence[UUID]]) -> Iterator[Sequence[UUID]]:
    # Page by page: an open cursor would hold an old snapshot.
    after: UUID | None = None
    while ids := ids_after(after):
        yield ids
        after = ids[-1]


def _cut(ids: Collection[UUID]) -> Iterator[list[UUID]]:
    in_order = sorted(ids)
    return (in_order[start : start + owners.PAGE] for start in range(0, len(in_order), owners.PAGE))


def _shown(model: type[Row], *, after: UUID | None) -> list[UUID]:
    shown = model.objects.filter(version__gt=0)
    return list((shown.filter(id__gt=after) if after else shown).order_by("id").values_list("id", flat=True)[: owners.PAGE])


def _owned_rentals(*, after: UUID | None = None, rental_ids: Collection[UUID] | None = None, now: datetime) -> list[UUID]:
    return [rental.rental_id for rental in rentals.list_snapshots(after=after, limit=owners.PAGE, rental_ids=rental_ids, now=now)]


def _owned_items(*, after: UUID | None = None, item_ids: Collection[UUID] | None = None) -> list[UUID]:
    return [item.item_id for item in items.list_snapshots(after=after, limit=owners.PAGE, item_ids=item_ids)]
