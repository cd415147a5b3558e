"""The projection: applying facts and snapshots to rows, in whatever order they come. Nothing is published.

Rows are locked in one order, items before rentals, each by id, so that no two transactions wait for each other.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import UUIDField
from django.db.models.base import ModelState

from apps.items.contracts import ItemSnapshot
from apps.payments.contracts import PaymentSnapshot
from apps.rentals.contracts import RentalSnapshot
from apps.status_view import domain, queries
from apps.status_view.domain import Fact
from apps.status_view.models import ItemStatus, RentalStatus
from apps.status_view.services import upserting
from gdmarket import databases
from gdmarket.prepared import Prepared, among
from gdmarket.text_columns import folded_columns

_AMONG = among("id", "ids", UUIDField())
_KNOWN = {model: Prepared(model.objects.filter(_AMONG).values_list("id", flat=True)) for model in (ItemStatus, RentalStatus)}
_LOCKED: Mapping[type, Prepared[Any]] = {
    model: Prepared(model.objects.filter(_AMONG).select_for_update(no_key=True).order_by("id").values())
    for model in (ItemStatus, RentalStatus)
}
_FOLDED = {model: folded_columns(model) for model in (ItemStatus, RentalStatus)}

StatusRow = TypeVar("StatusRow", ItemStatus, RentalStatus)


def apply_facts(*, facts: Sequence[Fact]) -> None:
    """Bring the view up to these facts, in one transaction; each source's are in their order."""
    item_ids = {fact.item_id for fact in facts if isinstance(fact, ItemSnapshot | RentalSnapshot)}
    rental_ids = {fact.rental_id for fact in facts if isinstance(fact, RentalSnapshot | PaymentSnapshot)}
    with databases.transaction_for("status_view"):
        rows = lock_rows(item_ids=item_ids, rental_ids=rental_ids)
        rows.apply(facts)
        save(rows=rows)


class Rows:
    """Items' and rentals' rows by their ids, and which of them have changed."""

    def __init__(self, *, items: Mapping[UUID, ItemStatus], rentals: Mapping[UUID, RentalStatus]) -> None:
        """Hold the rows; nothing is read or written here."""
        self.items = items
        self.rentals = rentals
        self.changed: set[UUID] = set()

    def apply(self, facts: Iterable[Fact]) -> None:
        """Bring the rows up to these facts."""
        for fact in facts:
            if isinstance(fact, ItemSnapshot):
                item = self.items[fact.item_id]
                self.change(item, domain.item_changes(version=item.version, fact=fact), occurred_at=fact.occurred_at)
                continue
            rental = self.rentals[fact.rental_id]
            if isinstance(fact, RentalSnapshot):
                changes = domain.rental_changes(version=rental.version, timeline=rental.timeline, fact=fact)
            else:
                changes = domain.payment_changes(payments=rental.payments, timeline=rental.timeline, fact=fact)
            self.change(rental, changes, occurred_at=fact.occurred_at)

    def change(self, row: ItemStatus | RentalStatus, changes: Mapping[str, Any], *, occurred_at: datetime | None = None) -> None:
        """Set the columns that differ; a row that changed was updated no earlier than `occurred_at`."""
        columns = row.__dict__  # a model looks for descriptors first, and these are many
        changed = {name: value for name, value in changes.items() if columns[name] != value}
        if not changed:
            return
        columns.update(changed)
        for column in _FOLDED[type(row)]:
            if not changed.keys().isdisjoint(column.of) or getattr(row, column.attname) is None:
                setattr(row, column.attname, column.fold(row))
        row.updated_at = max(filter(None, (row.updated_at, occurred_at)), default=None)
        self.changed.add(row.id)


def lock_rows(*, item_ids: Collection[UUID] = (), rental_ids: Collection[UUID] = ()) -> Rows:
    """Return these rows, locked until the end of the transaction; those that are missing are inserted empty."""
    items = _lock(ItemStatus, item_ids)
    return Rows(items=items, rentals=_lock(RentalStatus, rental_ids))


def save(*, rows: Rows) -> None:
    """Write the rows that changed, and the columns of the items' rows that follow from the rentals' rows."""
    _write(RentalStatus, [row for row in rows.rentals.values() if row.id in rows.changed])
    holding: dict[UUID | None, list[Mapping[str, Any]]] = defaultdict(list)
    for rental in queries.list_open_rentals(item_ids=rows.items):
        holding[rental["item_id"]].append(rental)
    for item in rows.items.values():
        rows.change(item, domain.held_by(open_rentals=holding[item.id]))
    last_change: dict[UUID | None, datetime | None] = {}
    for row in rows.rentals.values():
        last_change[row.item_id] = max(filter(None, (last_change.get(row.item_id), row.updated_at)), default=None)
    for item in rows.items.values():
        item.updated_at = max(filter(None, (item.updated_at, last_change.get(item.id))), default=None)
    _write(ItemStatus, [row for row in rows.items.values() if row.id in rows.changed])


def _lock(model: type[StatusRow], ids: Collection[UUID]) -> dict[UUID, StatusRow]:
    if not ids:
        return {}
    asked = list(ids)
    if missing := sorted(set(asked).difference(_KNOWN[model].all(ids=asked))):
        upserting.insert_missing(model, [model(id=row_id) for row_id in missing], using=databases.alias_for("status_view"))
    return {columns["id"]: _row(model, columns) for columns in _LOCKED[model].all(ids=asked)}


def _row(model: type[StatusRow], columns: dict[str, Any]) -> StatusRow:
    """Return a row with these columns, all there are, in a fraction of the time that `Model.__init__` takes. They are no relations."""
    row = model.__new__(model)
    row.__dict__.update(columns, _state=ModelState())
    row._state.adding, row._state.db = False, databases.alias_for("status_view")  # noqa: SLF001  # as `Model.from_db` does
    return row


def _write(model: type[StatusRow], changed: list[StatusRow]) -> None:
    for row in changed:
        row.revision += 1
    if changed:
        upserting.upsert(model, changed, using=databases.alias_for("status_view"))
