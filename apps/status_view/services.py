"""Keeping the rows: one fact at a time as the bus delivers them, or all over again from the event log.

Locks are taken in one order, an item's row before a rental's, and nothing is published.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.status_view import domain, queries
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import bus

Row = TypeVar("Row", bound=ItemStatus | RentalStatus)

_PAGE = 500
# How a row was kept, not what it says: facts that come in another order, or all at once, may leave these otherwise. A rental's
# `updated_at` is its last fact's, in any order; an item's is that of the last that changed something in its row.
_BOOKKEEPING = {"item": {"id", "revision", "updated_at"}, "rental": {"id", "revision"}}


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
        # Even when the rental's row knew the fact: whoever told it (a rebuild) may not have come to the item's row.
        _write(item, domain.held_by(open_rentals=queries.list_open_rentals(item_id=item.id)), at=fact.occurred_at)


def note_payment_fact(*, fact: domain.PaymentFact) -> None:
    """Bring the money in a rental's row up to `fact`."""
    with transaction.atomic(savepoint=False):
        rental = _locked(RentalStatus, fact.rental_id)
        changes = domain.payment_changes(payments=rental.payments, timeline=rental.timeline, fact=fact)
        _write(rental, changes, at=fact.occurred_at)


def _locked(model: type[Row], row_id: UUID) -> Row:
    rows = _all(model).select_for_update(no_key=True).filter(pk=row_id)
    row = rows.first()
    if row is None:
        _all(model).bulk_create([model(pk=row_id)], ignore_conflicts=True)
        row = rows.get()
    return row


def _all(model: type[Row]) -> QuerySet[Row]:
    return QuerySet(model)


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

    items: Sequence[type]
    rentals: Sequence[type]
    payments: Sequence[type]


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
    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read
    """
    # Rentals first: an item's row repeats what its rentals' rows say.
    for rental_id in _row_ids(model=RentalStatus, opening=log.rentals[0]):
        yield _refold(RentalStatus, rental_id, log=log, repair=repair)
    for item_id in _row_ids(model=ItemStatus, opening=log.items[0]):
        yield _refold(ItemStatus, item_id, log=log, repair=repair)


def look_again(*, log: Log, suspects: Iterable[Sequence[Difference]]) -> list[Difference]:
    """Return where rows that differed still differ from the event log: those whose deliveries arrived meanwhile are forgiven."""
    rows = ((ItemStatus if found[0].kind == "item" else RentalStatus, found[0].id) for found in suspects)
    return [difference for model, row_id in rows for difference in _refold(model, row_id, log=log, repair=False)]


def _row_ids(*, model: type[Row], opening: type) -> Iterator[UUID]:
    """Yield the id of every row there is, then of every row that the log says should be."""
    # Page by page: an open cursor would hold an old snapshot, which on SQLite no write of ours could follow.
    known = _all(model).order_by("pk").values_list("pk", flat=True)
    ids = list(known[:_PAGE])
    while ids:
        yield from ids
        ids = list(known.filter(pk__gt=ids[-1])[:_PAGE])
    after_seq = 0
    while page := bus.recorded(types=[opening], after_seq=after_seq, limit=_PAGE):
        after_seq = page[-1].seq
        ids = [UUID(recorded.stream.rpartition(":")[2]) for recorded in page]
        there = set(known.filter(pk__in=ids))
        yield from (row_id for row_id in ids if row_id not in there)


def _refold(model: type[ItemStatus | RentalStatus], row_id: UUID, *, log: Log, repair: bool) -> list[Difference]:
    row = _all(model).filter(pk=row_id).first() or model(pk=row_id)
    differences = _differences(row, _folded(row, log))
    if not (differences and repair):
        return differences
    with transaction.atomic():
        locked = _locked(model, row_id)
        folded = _folded(locked, log)
        differences = _differences(locked, folded)
        _write(locked, {name: getattr(folded, name) for name in _columns(folded)}, at=folded.updated_at)
    return differences


def _differences(row: ItemStatus | RentalStatus, folded: ItemStatus | RentalStatus) -> list[Difference]:
    kind = _kind(row)
    if folded.version and not row.version:
        return [Difference(kind=kind, id=row.pk, column="(row)", stored="missing", expected=f"version {folded.version}")]
    pairs = [(name, getattr(row, name), getattr(folded, name)) for name in _columns(row)]
    return [
        Difference(kind=kind, id=row.pk, column=name, stored=stored, expected=expected)
        for name, stored, expected in pairs
        if stored != expected
    ]


def _kind(row: ItemStatus | RentalStatus) -> str:
    return "item" if isinstance(row, ItemStatus) else "rental"


def _columns(row: ItemStatus | RentalStatus) -> list[str]:
    names = [field.attname for field in row._meta.concrete_fields]  # noqa: SLF001  # Django documents it
    return [name for name in names if name not in _BOOKKEEPING[_kind(row)]]


def _folded(row: ItemStatus | RentalStatus, log: Log) -> ItemStatus | RentalStatus:
    """Return what the log says of a row; the row itself only hints at where to look."""
    return _folded_item(row, log) if isinstance(row, ItemStatus) else _folded_rental(row, log)


def _folded_item(row: ItemStatus, log: Log) -> ItemStatus:
    item = ItemStatus(pk=row.pk)
    for fact in _facts(types=log.items, streams=[f"item:{item.pk}"]):
        _assign(item, domain.item_changes(version=item.version, fact=fact), at=fact.occurred_at)
    candidates = {rental["id"] for rental in queries.list_open_rentals(item_id=item.pk)}
    if row.current_rental_id is not None:
        candidates.add(row.current_rental_id)
    told = [_told_rental(rental_id, log) for rental_id in candidates]
    holding = [rental for rental in told if rental.item_id == item.pk and rental.state in domain.OPEN]
    open_rentals = [{name: getattr(rental, name) for name in domain.HOLDING_PART} for rental in holding]
    _assign(
        item,
        domain.held_by(open_rentals=open_rentals),
        at=max((rental.updated_at for rental in holding if rental.updated_at), default=None),
    )
    return item


def _folded_rental(row: RentalStatus, log: Log) -> RentalStatus:
    rental = _told_rental(row.pk, log)
    # Those the rental speaks of, and any that spoke of it unasked: money is never forgotten.
    payments = {entry["payment"] for entry in rental.timeline if "payment" in entry} | set(row.payments)
    for fact in _facts(types=log.payments, streams=[f"payment:{payment_id}" for payment_id in payments]):
        if fact.rental_id == rental.pk:
            changes = domain.payment_changes(payments=rental.payments, timeline=rental.timeline, fact=fact)
            _assign(rental, changes, at=fact.occurred_at)
    return rental


def _told_rental(rental_id: UUID, log: Log) -> RentalStatus:
    """Return a rental as its own facts tell it, payments left out."""
    rental = RentalStatus(pk=rental_id)
    for fact in _facts(types=log.rentals, streams=[f"rental:{rental_id}"]):
        changes = domain.rental_changes(version=rental.version, timeline=rental.timeline, fact=fact)
        _assign(rental, changes, at=fact.occurred_at)
    return rental


def _facts(*, types: Sequence[type], streams: Sequence[str]) -> Iterator[Any]:
    after_seq = 0
    while page := bus.recorded(types=types, streams=streams, after_seq=after_seq, limit=_PAGE):
        after_seq = page[-1].seq
        yield from (recorded.event for recorded in page)
