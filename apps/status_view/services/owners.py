"""What the rows should be: the owners' snapshots of items, rentals and payments, and the facts that the log still holds."""

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from apps.items import facade as items
from apps.payments import facade as payments
from apps.rentals import facade as rentals
from apps.status_view import domain
from apps.status_view.models import ItemStatus, RentalStatus
from apps.status_view.services.projecting import Rows
from gdmarket import bus

PAGE = 200
"""How many rows are compared and written at once: few enough that SQLite's one writer is soon free again."""


OnUnreadable = Callable[[str], object] | None
"""What to call with the description of a fact that cannot be read, which is then left out; None: raise."""


def count_owned() -> int:
    """Return how many rows a complete view has: one for each rental and each item."""
    return rentals.count_rentals() + items.count_items()


def next_rental_ids(*, after: UUID | None, now: datetime) -> list[UUID]:
    """Return the next page of ids of rentals that exist or have a row, in order; empty at the end."""
    owned = [rental.rental_id for rental in rentals.list_snapshots(after=after, limit=PAGE, now=now)]
    return _page(owned, RentalStatus, after)


def next_item_ids(*, after: UUID | None) -> list[UUID]:
    """Return the next page of ids of items that exist or have a row, in order; empty at the end."""
    return _page([item.item_id for item in items.list_snapshots(after=after, limit=PAGE)], ItemStatus, after)


def _page(owned: list[UUID], model: type[ItemStatus | RentalStatus], after: UUID | None) -> list[UUID]:
    rows = model.objects.filter(id__gt=after) if after else model.objects.all()
    return sorted({*owned, *rows.order_by("id").values_list("id", flat=True)[:PAGE]})[:PAGE]


def expected_rentals(
    *, rental_ids: Collection[UUID], stored: Mapping[UUID, RentalStatus], on_unreadable: OnUnreadable, now: datetime
) -> dict[UUID, RentalStatus]:
    """Return the rows that these rentals should have, by id; a rental that does not exist has none.

    Timelines keep the entries of the `stored` rows whose facts were purged from the log. At most `PAGE` ids. Snapshots are read
    before the log, so that what happens in between is in the log.
    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read and there is no `on_unreadable`
    """
    snapshots = rentals.list_snapshots(rental_ids=rental_ids, limit=PAGE, now=now)
    paid = payments.list_snapshots(rental_ids=[rental.rental_id for rental in snapshots])
    streams = [*(f"rental:{rental.rental_id}" for rental in snapshots), *(f"payment:{payment.payment_id}" for payment in paid)]
    recorded = bus.history(reader="status_view", streams=streams, on_unreadable=on_unreadable)
    rows = Rows(items={}, rentals={rental.rental_id: RentalStatus(id=rental.rental_id) for rental in snapshots})
    for rental in snapshots:
        row = rows.rentals[rental.rental_id]
        rows.change(row, domain.rental_part(fact=rental), occurred_at=rental.occurred_at)
    for payment in paid:
        row = rows.rentals[payment.rental_id]
        rows.change(row, domain.money_part(payments=row.payments, fact=payment), occurred_at=payment.occurred_at)
    # The snapshots first: where a fact of the same version differs, the row shows the snapshot.
    rows.apply(record.event for record in recorded)
    for row_id in rows.rentals.keys() & stored.keys():
        row = rows.rentals[row_id]
        row.timeline = domain.merge_purged_timeline(timeline=stored[row_id].timeline, logged=row.timeline)
        row.updated_at = max(filter(None, (row.updated_at, domain.last_instant(timeline=row.timeline))), default=None)
    return dict(rows.rentals)


def expected_items(*, item_ids: Collection[UUID]) -> dict[UUID, ItemStatus]:
    """Return the rows that these items should have, by id, without the columns about rentals; an item that does not exist has none."""
    snapshots = items.list_snapshots(item_ids=item_ids, limit=PAGE)
    rows = Rows(items={item.item_id: ItemStatus(id=item.item_id) for item in snapshots}, rentals={})
    rows.apply(snapshots)
    return dict(rows.items)


def open_rentals_of(*, item_ids: Collection[UUID], now: datetime) -> Mapping[UUID, list[Mapping[str, Any]]]:
    """Return the columns of the rentals that hold these items, by item, as rentals has them."""
    holding: dict[UUID, list[Mapping[str, Any]]] = defaultdict(list)
    for rental in rentals.list_holding(item_ids=item_ids, now=now):
        holding[rental.item_id].append({"id": rental.rental_id, **domain.rental_part(fact=rental)})
    return holding
