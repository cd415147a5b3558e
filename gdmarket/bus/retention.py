"""Forgetting old events."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.functions import Now

from gdmarket.bus import log_ranges
from gdmarket.bus.log_ranges import LogRange
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.sql import row_itself

# Asked once the events are locked: by then each delivery of theirs is either there to be seen, or cannot come any more.
_FORGET = """
DELETE FROM bus_event WHERE seq IN ({seqs}) AND NOT EXISTS (SELECT 1 FROM bus_delivery d WHERE d.event_id = bus_event.seq)
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Purged:
    """How many old events of a stretch are gone, and how many are kept as a stream's newest or for a delivery that is outstanding."""

    purged: int
    kept: int


def purge(
    *, keep_days: int, chunk: int = log_ranges.LENGTH, dry_run: bool = False, using: str = DEFAULT_DB_ALIAS
) -> Iterator[tuple[LogRange, Purged]]:
    """Delete events of a log that happened more than `keep_days` days ago, by its database's clock; with `dry_run` only count them.

    Never the newest of a stream, from which the next takes its version; never one that somebody has still to handle. The work is done as
    the result is read: a stretch of `chunk` events at a time, each in a short transaction. It may be stopped, repeated, and done by
    several at once.
    :raises ValueError: if `keep_days` or `chunk` is below 1
    """
    if min(keep_days, chunk) < 1:
        raise ValueError("keep_days and chunk are at least 1")
    return _purge(keep_days, chunk, dry_run=dry_run, using=using)


def _purge(keep_days: int, chunk: int, *, dry_run: bool, using: str) -> Iterator[tuple[LogRange, Purged]]:
    for log_range in log_ranges.walk(length=chunk, rests=not dry_run, using=using):
        in_range = Event.objects.using(using).filter(seq__gt=log_range.after, seq__lte=log_range.upto)
        old = in_range.filter(occurred_at__lt=Now() - timedelta(days=keep_days))
        if not old.exists():
            # The log is about as old as it is long: from here on all is young enough.
            return
        purged = _dispensable(old).count() if dry_run else _forget(old)
        yield log_range, Purged(purged=purged, kept=old.count() - purged if dry_run else old.count())


def _dispensable(events: QuerySet[Event]) -> QuerySet[Event]:
    newer = Event.objects.filter(stream=OuterRef("stream"), version__gt=OuterRef("version"))
    return events.filter(Exists(newer), ~Exists(Delivery.objects.filter(event=OuterRef("pk"))))


def _forget(old: QuerySet[Event]) -> int:
    connection = connections[old.db]
    with transaction.atomic(using=old.db):
        seqs = list(_dispensable(old).select_for_update(of=row_itself(using=old.db)).order_by("seq").values_list("seq", flat=True))
        if not seqs:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(_FORGET.format(seqs=", ".join(["%s"] * len(seqs))), seqs)
            return int(cursor.rowcount)
