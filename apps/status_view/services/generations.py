"""Which generations of the view there are, who may build the next, and which one is read. Only the one row says so."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from apps.status_view.errors import NoPreviousGenerationError, RebuildLostError, RebuildRunningError, RebuildUnfinishedError
from apps.status_view.models import ONLY, Generations, ItemStatus, RentalStatus
from gdmarket import databases

LEASE = timedelta(seconds=15)
"""For how long a rebuild that says nothing is held to be alive."""

_CHUNK = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A generation being built, how far it is, and the lease under which it is."""

    generation: int
    token: UUID
    step: str
    reached: UUID | None
    built: int


def get_generations() -> Generations:
    """Return which generations there are."""
    return Generations.objects.filter(pk=ONLY).first() or Generations(pk=ONLY)


def list_written() -> list[int]:
    """Return every generation that facts go into, in the order in which their rows are locked."""
    there = get_generations()
    return sorted({generation for generation in (there.active, there.previous, there.building) if generation is not None})


def begin(*, restart: bool) -> Begun:
    """Take the lease and open the next generation; go on with the one that a stopped rebuild left, unless it is to `restart`.

    From the commit on, facts go into it as well.
    :raises RebuildRunningError: if another rebuild is alive
    """
    Generations.objects.get_or_create(pk=ONLY)
    with databases.transaction_for("status_view"):
        token = _take_lease()
        row = Generations.objects.select_for_update().get(pk=ONLY)
        if row.building is None or restart:
            row.newest += 1
            row.building, row.previous = row.newest, None
            row.step, row.reached, row.built = "", None, 0
            row.save(update_fields=["newest", "building", "previous", "step", "reached", "built"])
    return Begun(generation=row.building, token=token, step=row.step, reached=row.reached, built=row.built)


def check_in(*, token: UUID, **reached: Any) -> None:
    """Renew the lease and note how far the rebuild is, in the transaction of what it wrote.

    :raises RebuildLostError: if another took over meanwhile; the transaction must be rolled back
    """
    if not _held(token).update(**reached, leased_until=Now() + LEASE):
        raise RebuildLostError


def activate(*, token: UUID) -> None:
    """Show everybody the generation that was built, at once; the one they saw stays, and stays up to date, as the previous one.

    :raises RebuildLostError: if another took over meanwhile
    """
    if not _held(token).update(active=F("building"), previous=F("active"), building=None, step="", reached=None, token=None):
        raise RebuildLostError


def release(*, token: UUID) -> None:
    """Let the next rebuild begin at once; where the lease is another's already, nothing changes."""
    _held(token).update(token=None)


def activate_previous() -> int:
    """Show everybody the previous generation again, and return it; the one they saw becomes the previous one.

    :raises NoPreviousGenerationError: if there is none
    :raises RebuildUnfinishedError: if the next one is being built
    """
    if Generations.objects.filter(pk=ONLY, previous__isnull=False).update(active=F("previous"), previous=F("active")):
        return get_generations().active
    raise NoPreviousGenerationError if get_generations().building is None else RebuildUnfinishedError


def discard_others() -> Iterator[int]:
    """Delete every generation but the active one, one half-built among them; yield how many rows are gone, again and again.

    :raises RebuildRunningError: if a rebuild is alive
    """
    Generations.objects.get_or_create(pk=ONLY)
    token = _take_lease()
    try:
        check_in(token=token, previous=None, building=None)
        yield from discard_leftovers(token=token)
    finally:
        release(token=token)


def discard_leftovers(*, token: UUID) -> Iterator[int]:
    """Delete the rows of generations that are no more, in short transactions; yield how many are gone, again and again.

    It rests for as long as it works. A handler that began before the end of a generation may have written into it after.
    :raises RebuildLostError: if another took over meanwhile
    """
    kept, discarded = list_written(), 0
    for rows in (ItemStatus.every.order_by("generation"), RentalStatus.every.order_by("generation")):
        for generation in rows.exclude(generation__in=kept).values_list("generation", flat=True).distinct():
            for gone, worked_s in _discard(rows.filter(generation=generation)):
                discarded += gone
                check_in(token=token)
                yield discarded
                time.sleep(worked_s)


def _discard(rows: "QuerySet[ItemStatus] | QuerySet[RentalStatus]") -> Iterator[tuple[int, float]]:
    while True:
        started = time.monotonic()
        gone, _ = rows.filter(key__in=list(rows.values_list("key", flat=True)[:_CHUNK])).delete()
        if not gone:
            return
        yield gone, time.monotonic() - started


def _take_lease() -> UUID:
    token = uuid4()
    free = Generations.objects.filter(Q(token=None) | Q(leased_until__lte=Now()), pk=ONLY)
    if not free.update(token=token, leased_until=Now() + LEASE):
        raise RebuildRunningError(lease_s=int(LEASE.total_seconds()))
    return token


def _held(token: UUID) -> QuerySet[Generations]:
    return Generations.objects.filter(pk=ONLY, token=token)
