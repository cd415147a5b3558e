"""Keeping the rows: one fact at a time as the bus delivers them, or all over again from the event log.

Locks are taken in one order, an item's row before a rental's, and nothing is published.
"""

import time
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction

from apps.status_view import domain, queries
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import bus

_Row = TypeVar("_Row", ItemStatus, RentalStatus)
_PAGE = 500
# How a row was kept, not what it says: two foldings of the same facts may differ in these.
_BOOKKEEPING = {"id", "revision", "updated_at"}


def note_item_fact(*, fact: domain.ItemFact) -> None:
    """Bring an item's row up to `fact`."""
    with transaction.atomic(savepoint=False):
        item = _locked(ItemStatus, fact.item_id)
        _write(item, domain.item_changes(version=item.version, fact=fact), at=fact.occurred_at)


def note_rental_fact(*, fact: domain.RentalFact) -> None:
    """Bring a rental's row up to `fact`, and what its item's row says of the rental that holds it."""
    with transaction.atomic(savepoint=False):
        item = _locked(ItemStatus, fact.item_id)
        rental = _locked(RentalStatus, fact.rental_id)
        changes = domain.rental_changes(version=rental.version, timeline=rental.timeline, fact=fact)
        _write(rental, changes, at=fact.occurred_at)
        if "version" in changes:
            _write(item, domain.held_by(open_rentals=queries.list_open_rentals(item_id=item.id)), at=fact.occurred_at)


def note_payment_fact(*, fact: domain.PaymentFact) -> None:
    """Bring the money in a rental's row up to `fact`."""
    with transaction.atomic(savepoint=False):
        rental = _locked(RentalStatus, fact.rental_id)
        changes = domain.payment_changes(payments=rental.payments, timeline=rental.timeline, fact=fact)
        _write(rental, changes, at=fact.occurred_at)


def _locked(model: type[_Row], row_id: UUID) -> _Row:
    rows = model.objects.select_for_update(no_key=True).filter(pk=row_id)
    row = rows.first()
    if row is None:
        model.objects.bulk_create([model(pk=row_id)], ignore_conflicts=True)
        row = rows.get()
    return row


def _write(row: ItemStatus | RentalStatus, changes: Mapping[str, Any], *, at: datetime | None) -> None:
    changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
    if changed:
        _assign(row, changed, at=at)
        row.revision += 1
        row.save(update_fields=[*changed, "revision", "updated_at"])


def _assign(row: ItemStatus | RentalStatus, changes: Mapping[str, Any], *, at: datetime | None) -> None:
    for name, value in changes.items():
        setattr(row, name, value)
    row.updated_at = max((instant for instant in (row.updated_at, at) if instant), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Log:
    """Which facts the view is made of, by whose they are; the first of each kind is the one that begins a story."""

    items: Collection[type]
    rentals: Collection[type]
    payments: Collection[type]


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One place where a row does not say what the event log says; `kind` is `item` or `rental`."""

    kind: str
    id: UUID
    column: str
    stored: object
    expected: object


def refold_view(*, log: Log, repair: bool) -> Iterator[list[Difference]]:
    """Yield, row by row, where the view differs from the event log; with `repair` each such row is put right on the way.

    A row is put right in a transaction of its own, under its lock and from all its facts committed by then: readers never miss a row,
    and deliveries may go on meanwhile. Rows that are right are not touched, so it may be stopped and repeated at will.
    """
    # Rentals first: an item's row repeats what its rentals' rows say.
    for row_id in _row_ids(model=RentalStatus, openings=log.rentals):
        yield _refold(row=_unlocked(RentalStatus, row_id), log=log, repair=repair)
    for row_id in _row_ids(model=ItemStatus, openings=log.items):
        yield _refold(row=_unlocked(ItemStatus, row_id), log=log, repair=repair)


def find_differences(*, log: Log, patience_s: float) -> list[Difference]:
    """Return where the view differs from the event log; what differs is looked at once more after `patience_s` seconds.

    The second look forgives rows whose deliveries were on their way at the first.
    """
    suspects = [found for found in refold_view(log=log, repair=False) if found]
    if suspects:
        time.sleep(patience_s)
    models = {"item": ItemStatus, "rental": RentalStatus}
    second_looks = (_refold(row=_unlocked(models[found[0].kind], found[0].id), log=log, repair=False) for found in suspects)
    return [difference for found in second_looks for difference in found]


def _row_ids(*, model: type[ItemStatus] | type[RentalStatus], openings: Collection[type]) -> Iterator[UUID]:
    """Yield the id of every row there is, then of every row that the log says should be."""
    yield from model.objects.order_by("pk").values_list("pk", flat=True).iterator(chunk_size=_PAGE)
    opening = next(iter(openings))
    after_seq = 0
    while page := bus.recorded(types=[opening], after_seq=after_seq, limit=_PAGE):
        after_seq = page[-1].seq
        ids = [UUID(recorded.stream.rpartition(":")[2]) for recorded in page]
        there = set(model.objects.filter(pk__in=ids).values_list("pk", flat=True))
        yield from (row_id for row_id in ids if row_id not in there)


def _unlocked(model: type[_Row], row_id: UUID) -> _Row:
    return model.objects.filter(pk=row_id).first() or model(pk=row_id)


def _refold(*, row: ItemStatus | RentalStatus, log: Log, repair: bool) -> list[Difference]:
    differences = _differences(row, _folded(row, log))
    if not (differences and repair):
        return differences
    with transaction.atomic():
        locked = _locked(type(row), row.pk)
        folded = _folded(locked, log)
        differences = _differences(locked, folded)
        _write(locked, {name: getattr(folded, name) for name in _columns(folded)}, at=folded.updated_at)
    return differences


def _differences(row: ItemStatus | RentalStatus, folded: ItemStatus | RentalStatus) -> list[Difference]:
    kind = "item" if isinstance(row, ItemStatus) else "rental"
    if folded.version and not row.version:
        return [Difference(kind=kind, id=row.pk, column="(row)", stored="missing", expected=f"version {folded.version}")]
    pairs = [(name, getattr(row, name), getattr(folded, name)) for name in _columns(row)]
    return [
        Difference(kind=kind, id=row.pk, column=name, stored=stored, expected=expected)
        for name, stored, expected in pairs
        if stored != expected
    ]


def _columns(row: ItemStatus | RentalStatus) -> list[str]:
    return [field.attname for field in row._meta.concrete_fields if field.attname not in _BOOKKEEPING]  # noqa: SLF001  # Django documents it


def _folded(row: ItemStatus | RentalStatus, log: Log) -> ItemStatus | RentalStatus:
    return _folded_item(row.pk, log) if isinstance(row, ItemStatus) else _folded_rental(row.pk, log)


def _folded_item(item_id: UUID, log: Log) -> ItemStatus:
    item = ItemStatus(pk=item_id)
    for fact in _facts(types=log.items, streams=[f"item:{item_id}"]):
        _assign(item, domain.item_changes(version=item.version, fact=fact), at=fact.occurred_at)
    _assign(item, domain.held_by(open_rentals=queries.list_open_rentals(item_id=item_id)), at=None)
    return item


def _folded_rental(rental_id: UUID, log: Log) -> RentalStatus:
    rental = RentalStatus(pk=rental_id)
    payments: set[str] = set()
    for fact in _facts(types=log.rentals, streams=[f"rental:{rental_id}"]):
        changes = domain.rental_changes(version=rental.version, timeline=rental.timeline, fact=fact)
        _assign(rental, changes, at=fact.occurred_at)
        payments |= {f"payment:{fact.payment_id}"} if fact.payment_id else set()
    for fact in _facts(types=log.payments, streams=sorted(payments)):
        changes = domain.payment_changes(payments=rental.payments, timeline=rental.timeline, fact=fact)
        _assign(rental, changes, at=fact.occurred_at)
    return rental


def _facts(*, types: Collection[type], streams: Collection[str]) -> Iterator[Any]:
    after_seq = 0
    while streams and (page := bus.recorded(types=types, streams=streams, after_seq=after_seq, limit=_PAGE)):
        after_seq = page[-1].seq
        yield from (recorded.event for recorded in page)
