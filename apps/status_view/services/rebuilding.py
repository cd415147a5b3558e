"""Building the next generation beside the one that is read, page by page; it may be killed anywhere and goes on from there.

It is the projection, over snapshots and the log instead of deliveries. Meanwhile deliveries go into both generations; which comes first
does not matter. A handler that began before the new generation was known knows only a fact that was committed before, and which the
pages, read later, hold too.
"""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from apps.items import facade as items
from apps.status_view.models import RentalStatus
from apps.status_view.services import generations, owners, rows
from apps.status_view.services.owners import Sources
from gdmarket import databases

_RENTALS, _ITEMS, _DONE = "rentals", "items", "done"
_LONGEST_REST_S = generations.LEASE.total_seconds() / 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """How far a rebuild is: how many rows are built in this generation."""

    generation: int
    built: int


def rebuild_view(*, sources: Sources, pace: float = 1.0, restart: bool = False, now: datetime) -> Generator[Progress, None, None]:
    """Build the next generation and show it to everybody; yield after each page how far it is, and once more when all see it.

    `pace`, above 0 and up to 1, is the share of the time in which it works; the rest, up to 5 s a page, it leaves to others. Closed or
    killed on the way it shows nothing, and the next call goes on from there, unless it is to `restart`.
    :raises RebuildRunningError: if another rebuild is alive
    :raises RebuildLostError: if it was silent for so long that another took over
    :raises bus.UndecodableError, bus.UnknownEventError: if a fact in the log cannot be read
    """
    build = _Build(at=generations.begin(restart=restart), sources=sources, now=now)
    try:
        for _ in generations.discard_leftovers(token=build.token):
            yield build.progress()
        while build.step != _DONE:
            started = time.monotonic()
            build.turn_page()
            yield build.progress()
            if build.step != _DONE:
                _rest(worked_s=time.monotonic() - started, pace=pace)
        generations.activate(token=build.token)
        yield build.progress()
    finally:
        generations.release(token=build.token)


class _Build:
    """One generation on its way: rentals first, since an item's row repeats what its rentals' rows say."""

    def __init__(self, *, at: generations.Begun, sources: Sources, now: datetime) -> None:
        self.generation, self.token = at.generation, at.token
        self.step, self.reached, self.built = at.step or _RENTALS, at.reached, at.built
        self._sources, self._now = sources, now

    def progress(self) -> Progress:
        """Tell how far it is."""
        return Progress(generation=self.generation, built=self.built)

    def turn_page(self) -> None:
        """Build the next page and note in the same transaction that it is."""
        if self.step == _RENTALS:
            self._build_rentals()
        else:
            self._build_items()

    def _build_rentals(self) -> None:
        told = owners.ask_of_rentals(sources=self._sources, after=self.reached, now=self._now)
        ids = [rental.rental_id for rental in told.rentals]
        remembered = dict(RentalStatus.objects.filter(id__in=ids).values_list("id", "timeline"))
        with databases.transaction_for("status_view"):
            concerned = rows.locked(generation=self.generation, rental_ids=ids)
            told.fold_into(concerned)
            concerned.recall(timelines=remembered)
            self._save(concerned, ids, then=_ITEMS)

    def _build_items(self) -> None:
        told = items.list_snapshots(after=self.reached, limit=owners.PAGE)
        ids = [item.item_id for item in told]
        with databases.transaction_for("status_view"):
            concerned = rows.locked(generation=self.generation, item_ids=ids)
            concerned.fold(items=told)
            self._save(concerned, ids, then=_DONE)

    def _save(self, concerned: rows.Rows, ids: Sequence[UUID], *, then: str) -> None:
        rows.save(rows=concerned, generation=self.generation)
        self.step, self.reached = (self.step, ids[-1]) if ids else (then, None)
        self.built += len(ids)
        generations.check_in(token=self.token, step=self.step, reached=self.reached, built=self.built)


def _rest(*, worked_s: float, pace: float) -> None:
    time.sleep(min(worked_s * (1 / pace - 1), _LONGEST_REST_S))
