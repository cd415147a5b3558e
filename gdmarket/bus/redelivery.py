"""Delivering old events anew, to a subscriber that old news cannot harm."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.models import Max

from gdmarket.bus import log_ranges, registry, routing, subscriptions
from gdmarket.bus.errors import NotIdempotentError
from gdmarket.bus.log_ranges import LogRange
from gdmarket.bus.models import Event
from gdmarket.bus.sql import insert_new, now_plus, share_of

_OLD = """
FROM bus_event e
WHERE e.seq > %s AND e.seq <= %s AND e.type IN ({types}) AND e.due_at IS NULL {choice}
"""
# In the log's order, so that two who do this at once wait for each other and never in a circle.
_DELIVER = """
(event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT e.seq, %s, e.stream, e.version, {now}, 0, false, '' {old} ORDER BY e.seq {share}
"""
_COUNT = """
SELECT count(*) {old}
AND NOT EXISTS (SELECT 1 FROM bus_delivery d WHERE d.subscriber = %s AND d.lane = e.stream AND d.version = e.version)
"""


def redeliver(
    *, subscriber: str, since: datetime | None = None, stream: str | None = None, dry_run: bool = False
) -> Iterator[tuple[LogRange, int]]:
    """Deliver old events of the types that `subscriber` hears to it once more: of one stream, from an instant on, or all there are.

    The work is done as the result is read: a stretch of the log at a time, each in a transaction of its own, with how many deliveries it
    added; with `dry_run`, would add. The relay handles them. What is outstanding already is not added twice, so that this may be done
    again, stopped, and done by several at once, beside everything else. Timers are not delivered anew; nor is what a handler hears that
    is not marked `bus.idempotent`.

    Promised: a stream's old events come in order among themselves, and new ones in order among themselves, each handled by one worker at
    a time and with effect once. Not promised: that no old event comes after newer ones; it was handled before those, and comes again.
    New events of a stream wait while old ones of the same stream are before them.
    :raises NoSuchSubscriberError: if the subscriber hears nothing
    :raises NotIdempotentError: if no handler of the subscriber is marked
    """
    subscriptions.refuse_unknown(subscriber=subscriber)
    types = registry.idempotent_types(subscriber=subscriber)
    if not types:
        raise NotIdempotentError(context=subscriber)
    return _redeliver(_Choice(subscriber, types, since=since, stream=stream), dry_run=dry_run)


class _Choice:
    """Which events, for whom."""

    def __init__(self, subscriber: str, types: list[str], *, since: datetime | None, stream: str | None) -> None:
        self.subscriber, self.stream, self.using = subscriber, stream, routing.alias_of(subscriber)
        chosen = {"e.occurred_at >= %s": since, "e.stream = %s": stream}
        conditions = [condition for condition, value in chosen.items() if value is not None]
        self.sql = _OLD.format(types=", ".join(["%s"] * len(types)), choice="".join(f" AND {condition}" for condition in conditions))
        adapted = None if since is None else connections[self.using].ops.adapt_datetimefield_value(since)
        self.values: list[Any] = [*types, *(value for value in (adapted, stream) if value is not None)]


def _redeliver(choice: _Choice, *, dry_run: bool) -> Iterator[tuple[LogRange, int]]:
    for log_range in _log_ranges(choice, rests=not dry_run):
        yield log_range, _count(choice, log_range) if dry_run else _deliver(choice, log_range)


def _log_ranges(choice: _Choice, *, rests: bool) -> Iterator[LogRange]:
    if choice.stream is None:
        return log_ranges.walk(rests=rests, using=choice.using)
    # One stream is short, and found by its name.
    of_stream = Event.objects.using(choice.using).filter(stream=choice.stream)
    return iter([LogRange(0, of_stream.aggregate(last=Max("seq"))["last"] or 0, 1.0)])


def _deliver(choice: _Choice, log_range: LogRange) -> int:
    using = choice.using
    rows = _DELIVER.format(now=now_plus(seconds=0, using=using), old=choice.sql, share=share_of("e", using=using))
    sql = insert_new("bus_delivery", rows, key="subscriber, lane, version", using=using)
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql, [choice.subscriber, log_range.after, log_range.upto, *choice.values])
        return int(cursor.rowcount)


def _count(choice: _Choice, log_range: LogRange) -> int:
    with connections[choice.using].cursor() as cursor:
        cursor.execute(_COUNT.format(old=choice.sql), [log_range.after, log_range.upto, *choice.values, choice.subscriber])
        (count,) = cursor.fetchone()
    return int(count)
