"""Rows of one generation that are changed together: folding into them what is told, whatever the order in which it is told.

Locks are taken in one order: generation by generation, items before rentals, each by id.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from django.db import connections

from apps.status_view import domain, queries
from apps.status_view.models import ItemStatus, RentalStatus

Row = TypeVar("Row", ItemStatus, RentalStatus)


class Rows:
    """Items' and rentals' rows by their ids, and which of them have changed."""

    def __init__(self, *, items: Mapping[UUID, ItemStatus], rentals: Mapping[UUID, RentalStatus]) -> None:
        """Take the rows in hand; nothing is read or written here."""
        self.items = items
        self.rentals = rentals
        self.changed: set[UUID] = set()

    def fold(
        self,
        *,
        items: Iterable[domain.ItemState] = (),
        rentals: Iterable[domain.RentalState] = (),
        payments: Iterable[domain.PaymentState] = (),
    ) -> None:
        """Bring the rows up to these facts."""
        for item in items:
            row = self.items[item.item_id]
            self.change(row, domain.item_changes(version=row.version, fact=item), told=item)
        for rental in rentals:
            of = self.rentals[rental.rental_id]
            self.change(of, domain.rental_changes(version=of.version, timeline=of.timeline, fact=rental), told=rental)
        for payment in payments:
            of = self.rentals[payment.rental_id]
            self.change(of, domain.payment_changes(payments=of.payments, timeline=of.timeline, fact=payment), told=payment)

    def fold_snapshots(self, *, rentals: Iterable[domain.RentalState], payments: Iterable[domain.PaymentState]) -> None:
        """Bring the rentals' rows up to how their owners say they stand; a snapshot is no fact and enters no timeline."""
        for rental in rentals:
            row = self.rentals[rental.rental_id]
            self.change(row, domain.rental_part(version=row.version, fact=rental), told=rental)
        for payment in payments:
            row = self.rentals[payment.rental_id]
            self.change(row, domain.money_part(payments=row.payments, fact=payment), told=payment)

    def recall(self, *, timelines: Mapping[UUID, domain.Timeline]) -> None:
        """Add to rentals what these timelines, of another generation, remember from before the log begins."""
        for rental_id, timeline in timelines.items():
            row = self.rentals[rental_id]
            self.change(row, domain.merge_purged_timeline(timeline=timeline, told=row.timeline))
            row.updated_at = max(filter(None, (row.updated_at, domain.last_instant(timeline=row.timeline))), default=None)

    def change(self, row: ItemStatus | RentalStatus, changes: Mapping[str, Any], *, told: domain.Told | None = None) -> None:
        """Set the columns that differ; the row then is as new as what was told."""
        changed = {name: value for name, value in changes.items() if getattr(row, name) != value}
        if not changed:
            return
        for name, value in changed.items():
            setattr(row, name, value)
        if told is not None:
            row.updated_at = max(filter(None, (row.updated_at, told.occurred_at)))
        self.changed.add(row.id)


def blank(*, item_ids: Iterable[UUID] = (), rental_ids: Iterable[UUID] = ()) -> Rows:
    """Return rows of which nothing was told yet, to fold into and compare; they are never written."""
    return Rows(
        items={item_id: ItemStatus(id=item_id) for item_id in item_ids},
        rentals={rental_id: RentalStatus(id=rental_id) for rental_id in rental_ids},
    )


def locked(*, generation: int, item_ids: Collection[UUID] = (), rental_ids: Collection[UUID] = ()) -> Rows:
    """Return a generation's rows, locked until the end of the transaction; those that were missing are made."""
    items = _locked(ItemStatus, generation, item_ids)
    return Rows(items=items, rentals=_locked(RentalStatus, generation, rental_ids))


def save(*, rows: Rows, generation: int) -> None:
    """Write the rows that changed, and into the items' rows what the rentals that hold them say."""
    _write(RentalStatus, [row for row in rows.rentals.values() if row.id in rows.changed])
    holding: dict[UUID | None, list[Mapping[str, Any]]] = defaultdict(list)
    for rental in queries.list_open_rentals(generation=generation, item_ids=rows.items):
        holding[rental["item_id"]].append(rental)
    for item in rows.items.values():
        rows.change(item, domain.held_by(open_rentals=holding[item.id]))
    last_instant: dict[UUID | None, datetime] = {}
    for spoken in rows.rentals.values():
        last_instant[spoken.item_id] = max(filter(None, (last_instant.get(spoken.item_id), spoken.updated_at)))
    for item in rows.items.values():
        item.updated_at = max(filter(None, (item.updated_at, last_instant.get(item.id))), default=None)
    _write(ItemStatus, [row for row in rows.items.values() if row.id in rows.changed])


def _locked(model: type[Row], generation: int, ids: Collection[UUID]) -> dict[UUID, Row]:
    if not ids:
        return {}
    rows = model.every.filter(generation=generation, id__in=ids)
    # Those that are missing first, and all in the order of their ids: whoever locks some of the same waits for none that waits for him.
    missing = sorted(set(ids) - set(rows.values_list("id", flat=True)))
    model.every.bulk_create([model(generation=generation, id=row_id) for row_id in missing], ignore_conflicts=True)
    weaker = connections[rows.db].features.has_select_for_no_key_update
    return {row.id: row for row in rows.select_for_update(no_key=weaker).order_by("id")}


def _write(model: type[Row], changed: list[Row]) -> None:
    for row in changed:
        row.revision += 1
    if changed:
        columns = [field.name for field in model._meta.concrete_fields if not field.primary_key]  # noqa: SLF001  # Django documents it
        model.every.bulk_create(changed, update_conflicts=True, unique_fields=["key"], update_fields=columns)
