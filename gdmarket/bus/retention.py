"""Delete old events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from gdmarket.bus import log_ranges
from gdmarket.bus.log_ranges import LogRange
from gdmarket.bus.models import Delivery, Event

# Checked after the events are locked: by then each of their deliveries is visible, or cannot be inserted any more.
_DELETE = """
DELETE FROM bus_event WHERE seq IN ({seqs}) AND NOT EXISTS (SELECT 1 FROM bus_delivery d WHERE d.event_id = bus_event.seq)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Purged:
    """How many old events of a range were deleted, and how many were kept as a stream's newest or for an outstanding delivery."""

    purged: int
    kept: int


def purge(
    *, keep_days: int, chunk: int = log_ranges.SIZE, dry_run: bool = False, using: str = DEFAULT_DB_ALIAS
) -> Iterator[tuple[LogRange, Purged]]:
    """Delete events of a log that occurred more than `keep_days` days ago, by its database's clock; with `dry_run` only count them.

    The newest event of a stream is kept, since the next takes its version from it; so is one with an outstanding delivery. The work is
    done while the result is iterated: `chunk` events at a time, each in a short transaction. It may be stopped and repeated, and run
    several times at once.
    :raises ValueError: if `keep_days` or `chunk` is below 1
    """
    if min(keep_days, chunk) < 1:
        raise ValueError("keep_days and chunk are at least 1")
    for log_range in log_ranges.split(size=chunk, pauses=not dry_run, using=using):
        in_range = Event.objects.using(using).filter(seq__gt=log_range.after, seq__lte=log_range.upto)
        old = in_range.filter(occurred_at__lt=Now() - timedelta(days=keep_days))
        if not old.exists():
            # The log is roughly in the order of time: what follows is young enough.
            return
        purged = _deletable(old).count() if dry_run else _delete(old)
        yield log_range, Purged(purged=purged, kept=old.count() - purged if dry_run else old.count())


def _deletable(events: QuerySet[Event]) -> QuerySet[Event]:
    newer = Event.objects.filter(stream=OuterRef("stream"), version__gt=OuterRef("version"))
    return events.filter(Exists(newer), ~Exists(Delivery.objects.filter(event=OuterRef("pk"))))


def _delete(old: QuerySet[Event]) -> int:
    with transaction.atomic(using=old.db):
        seqs = list(_deletable(old).select_for_update(of=("self",)).order_by("seq").values_list("seq", flat=True))
        if not seqs:
            return 0
        with connections[old.db].cursor() as cursor:
            cursor.execute(_DELETE.format(seqs=", ".join(["%s"] * len(seqs))), seqs)
            return int(cursor.rowcount)
