"""Rebuilding the view in place, page by page, while it is read and while facts arrive.

Each row is replaced from its owners' snapshots and the log. A row that a fact changed after its owners were asked, which its `revision`
shows under its lock, is kept and done again. After a kill, the next rebuild resumes after the last page that was committed.
"""

import time
from collections.abc import Collection, Generator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from apps.status_view import domain
from apps.status_view.errors import RebuildLostError, RebuildRunningError
from apps.status_view.models import ItemStatus, Rebuild, RentalStatus
from apps.status_view.services import owners, projecting
from apps.status_view.services.owners import OnUnreadable
from gdmarket import databases
from gdmarket.text_columns import folded_columns

LEASE = timedelta(seconds=15)
"""For how long a rebuild that commits nothing counts as running."""

_Row = ItemStatus | RentalStatus
_RowsById = Mapping[UUID, _Row]
_ONLY = 1
_RENTALS, _ITEMS = "rentals", "items"
_LONGEST_PAUSE_S = LEASE.total_seconds() / 3
_RENTAL_COLUMNS = [field.attname for field in RentalStatus._meta.concrete_fields if field.attname not in {"id", "revision"}]  # noqa: SLF001  # Django documents it

_ITEM_COLUMNS = [*domain.ITEM_PART, *(column.attname for column in folded_columns(ItemStatus))]


def get_rebuild() -> Rebuild:
    """Return the progress of a rebuild that is not finished; an empty one where there is none."""
    return Rebuild.objects.filter(pk=_ONLY).first() or Rebuild(pk=_ONLY)


def rebuild_view(
    *, on_unreadable: OnUnreadable = None, pace: float = 1.0, restart: bool = False, now: datetime
) -> Generator[int, None, None]:
    """Rebuild the view; yield after each page how many rows are done.

    `pace`, above 0 and up to 1, is the share of the time in which it works; the rest, up to 5 s a page, it leaves to others. Closed or
    killed on the way, the next call resumes there, unless it is to `restart`.
    :raises RebuildRunningError: if another rebuild is running
    :raises RebuildLostError: if it committed nothing for so long that another took over
    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read and there is no `on_unreadable`
    """
    token = _take_lease(restart=restart)
    sweep = _Sweep(at=get_rebuild(), token=token, on_unreadable=on_unreadable, now=now)
    try:
        while sweep.step:
            started = time.monotonic()
            sweep.rebuild_page()
            yield sweep.rows_done
            if sweep.step:
                time.sleep(min((time.monotonic() - started) * (1 / pace - 1), _LONGEST_PAUSE_S))
    finally:
        _held(token).update(token=None)


class _Sweep:
    """One pass over all rows: rentals first, since an item's row copies columns of its rentals' rows."""

    def __init__(self, *, at: Rebuild, token: UUID, on_unreadable: OnUnreadable, now: datetime) -> None:
        self.step, self.rows_done = at.step or _RENTALS, at.rows_done
        self._last_id, self._token, self._on_unreadable, self._now = at.last_id, token, on_unreadable, now

    def rebuild_page(self) -> None:
        """Replace the rows of the next page and record the progress; after the last one `step` is empty."""
        if self.step == _RENTALS:
            ids = owners.next_rental_ids(after=self._last_id, now=self._now)
        else:
            ids = owners.next_item_ids(after=self._last_id)
        to_do = ids
        while to_do:
            to_do = self._replace(to_do)
        self.rows_done += len(ids)
        if ids:
            self._last_id = ids[-1]
        else:
            self.step, self._last_id = _ITEMS if self.step == _RENTALS else "", None
        _renew_lease(self._token, step=self.step, last_id=self._last_id, rows_done=self.rows_done if self.step else 0)

    def _replace(self, ids: Sequence[UUID]) -> list[UUID]:
        """Replace rows that differ, remove those without an owner; return those that a fact changed meanwhile, to be done again."""
        stored, expected, columns = self._compared(ids)
        if self.step == _RENTALS:  # an item's row also depends on other rows, which are read under its lock
            ids = [row_id for row_id in ids if _differs(stored.get(row_id), expected.get(row_id), columns)]
        if not ids:
            return []
        with databases.transaction_for("status_view"):
            _renew_lease(self._token)
            rows = projecting.lock_rows(rental_ids=ids) if self.step == _RENTALS else projecting.lock_rows(item_ids=ids)
            locked: _RowsById = rows.rentals if self.step == _RENTALS else rows.items
            changed = {row_id for row_id, row in locked.items() if _has_changed(row, since=stored.get(row_id))}
            for row_id in expected.keys() & locked.keys() - changed:
                should = expected[row_id]
                rows.change(locked[row_id], {name: getattr(should, name) for name in columns}, occurred_at=should.updated_at)
            projecting.save(rows=rows)
            model = RentalStatus if self.step == _RENTALS else ItemStatus
            model.objects.filter(id__in=locked.keys() - expected.keys() - changed).delete()
        return sorted(changed)

    def _compared(self, ids: Sequence[UUID]) -> tuple[_RowsById, _RowsById, Collection[str]]:
        """Return the rows as they are, as they should be, and the columns to replace. The rows are read before their owners are asked."""
        if self.step == _ITEMS:
            return ItemStatus.objects.in_bulk(ids), owners.expected_items(item_ids=ids), _ITEM_COLUMNS
        stored = RentalStatus.objects.in_bulk(ids)
        expected = owners.expected_rentals(rental_ids=ids, stored=stored, on_unreadable=self._on_unreadable, now=self._now)
        return stored, expected, _RENTAL_COLUMNS


def _differs(row: _Row | None, expected: _Row | None, columns: Collection[str]) -> bool:
    return row is None or expected is None or any(getattr(row, name) != getattr(expected, name) for name in columns)


def _has_changed(row: _Row, *, since: _Row | None) -> bool:
    return row.revision != (since.revision if since else 0)


def _take_lease(*, restart: bool) -> UUID:
    Rebuild.objects.get_or_create(pk=_ONLY)
    token = uuid4()
    start: dict[str, Any] = {"step": "", "last_id": None, "rows_done": 0} if restart else {}
    free = Rebuild.objects.filter(Q(token=None) | Q(leased_until__lte=Now()), pk=_ONLY)
    if not free.update(token=token, leased_until=Now() + LEASE, **start):
        raise RebuildRunningError(lease_s=int(LEASE.total_seconds()))
    return token


def _renew_lease(token: UUID, **progress: Any) -> None:
    """Renew the lease.

    :raises RebuildLostError: if another took over meanwhile; the transaction must be rolled back
    """
    if not _held(token).update(**progress, leased_until=Now() + LEASE):
        raise RebuildLostError


def _held(token: UUID) -> QuerySet[Rebuild]:
    return Rebuild.objects.filter(pk=_ONLY, token=token)
