"""Comparing the view with its owners."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.status_view import domain
from apps.status_view.models import ItemStatus, RentalStatus
from apps.status_view.services import owners
from apps.status_view.services.owners import OnUnreadable

# How a row was written, not what it shows. A rental's `updated_at` is its last fact's; an item's, that of the last that changed its row.
_BOOKKEEPING = {"item": {"id", "revision", "updated_at"}, "rental": {"id", "revision"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One column in which a row differs from its owners; `kind` is `item` or `rental`."""

    kind: str
    id: UUID
    column: str
    stored: object
    expected: object


def list_differences(*, on_unreadable: OnUnreadable = None, now: datetime) -> Iterator[list[Difference]]:
    """Yield, row by row, where the view differs from its owners: an empty list for a row that is right.

    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read and there is no `on_unreadable`
    """
    after: UUID | None = None
    while ids := owners.next_rental_ids(after=after, now=now):
        yield from _compare_rentals(ids, on_unreadable=on_unreadable, now=now)
        after = ids[-1]
    after = None
    while ids := owners.next_item_ids(after=after):
        yield from _compare_items(ids, now=now)
        after = ids[-1]


def compare_again(*, suspects: Iterable[Sequence[Difference]], on_unreadable: OnUnreadable = None, now: datetime) -> list[Difference]:
    """Return where rows that differed still differ; for others the deliveries arrived meanwhile."""
    ids: dict[str, list[UUID]] = defaultdict(list)
    for found in suspects:
        ids[found[0].kind].append(found[0].id)
    still: list[list[Difference]] = []
    for page in _pages(ids["rental"]):
        still += _compare_rentals(page, on_unreadable=on_unreadable, now=now)
    for page in _pages(ids["item"]):
        still += _compare_items(page, now=now)
    return [difference for found in still for difference in found]


def _compare_rentals(ids: Sequence[UUID], *, on_unreadable: OnUnreadable, now: datetime) -> Iterator[list[Difference]]:
    stored = RentalStatus.objects.in_bulk(ids)
    expected = owners.expected_rentals(rental_ids=ids, stored=stored, on_unreadable=on_unreadable, now=now)
    return (_compare(stored.get(row_id, RentalStatus(id=row_id)), expected.get(row_id, RentalStatus(id=row_id))) for row_id in ids)


def _compare_items(ids: Sequence[UUID], *, now: datetime) -> Iterator[list[Difference]]:
    stored = ItemStatus.objects.in_bulk(ids)
    expected = owners.expected_items(item_ids=ids)
    open_rentals = owners.open_rentals_of(item_ids=ids, now=now)
    for row_id in ids:
        row = expected.get(row_id, ItemStatus(id=row_id))
        for name, value in domain.held_by(open_rentals=open_rentals[row_id]).items():
            setattr(row, name, value)
        yield _compare(stored.get(row_id, ItemStatus(id=row_id)), row)


def _pages(ids: Sequence[UUID]) -> Iterator[Sequence[UUID]]:
    return (ids[start : start + owners.PAGE] for start in range(0, len(ids), owners.PAGE))


def _compare(row: ItemStatus | RentalStatus, expected: ItemStatus | RentalStatus) -> list[Difference]:
    kind = "item" if isinstance(row, ItemStatus) else "rental"
    if not (row.version or expected.version):
        return []  # a row is hidden until its owner's first fact
    if not (row.version and expected.version):
        stored, should = (f"version {found.version}" if found.version else "missing" for found in (row, expected))
        return [Difference(kind=kind, id=row.id, column="(row)", stored=stored, expected=should)]
    names = [field.attname for field in row._meta.concrete_fields if field.attname not in _BOOKKEEPING[kind]]  # noqa: SLF001  # Django documents it
    pairs = [(name, getattr(row, name), getattr(expected, name)) for name in names]
    return [
        Difference(kind=kind, id=row.id, column=name, stored=stored, expected=should) for name, stored, should in pairs if stored != should
    ]
