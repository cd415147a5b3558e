"""Deliver old events again, to a subscriber whose handlers are idempotent."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connections, transaction
from django.db.models import Max

from gdmarket.bus import log_ranges, registry, routing, subscriptions
from gdmarket.bus.errors import NotIdempotentError
from gdmarket.bus.log_ranges import LogRange
from gdmarket.bus.models import Event
from gdmarket.bus.sql import key_share_of, now_plus

_OLD_EVENTS = """
FROM bus_event e
WHERE e.seq > %s AND e.seq <= %s AND e.type IN ({types}) AND e.due_at IS NULL {conditions}
"""
# In the log's order, so that two of these at once never deadlock.
_DELIVER = """
INSERT INTO bus_delivery (event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT e.seq, %s, e.stream, e.version, {now}, 0, false, '' {old_events} ORDER BY e.seq {key_share}
ON CONFLICT (subscriber, lane, version) DO NOTHING
"""
_COUNT = """
SELECT count(*) {old_events}
AND NOT EXISTS (SELECT 1 FROM bus_delivery d WHERE d.subscriber = %s AND d.lane = e.stream AND d.version = e.version)
"""


def redeliver(
    *, subscriber: str, since: datetime | None = None, stream: str | None = None, dry_run: bool = False
) -> Iterator[tuple[LogRange, int]]:
    """Deliver old events that `subscriber` subscribes to again: of one stream, since an instant, or all of them.

    The work is done while the result is iterated: a range of the log at a time, each in its own transaction. Each item says how many
    deliveries were added, or with `dry_run` would be. The relay handles them. An outstanding delivery is not added twice, so this may be
    stopped and repeated, and run several times at once. Timers, and types whose handler is not marked `bus.idempotent`, are left out.

    Old events of a stream are handled in order among themselves, and new ones likewise, each by one worker at a time and with effect once.
    An old event may be handled after newer ones that were handled before it was added. New events of a stream wait behind its old ones.
    :raises NoSuchSubscriberError: if the subscriber has no subscription
    :raises NotIdempotentError: if no handler of the subscriber is marked
    """
    subscriptions.refuse_unknown(subscriber=subscriber)
    types = registry.idempotent_types(subscriber=subscriber)
    if not types:
        raise NotIdempotentError(context=subscriber)
    return _redeliver(_Selection(subscriber, types, since=since, stream=stream), dry_run=dry_run)


class _Selection:
    """Which events are delivered again, and to whom."""

    def __init__(self, subscriber: str, types: list[str], *, since: datetime | None, stream: str | None) -> None:
        self.subscriber, self.stream, self.using = subscriber, stream, routing.alias_of(subscriber)
        given = {"e.occurred_at >= %s": since, "e.stream = %s": stream}
        conditions = "".join(f" AND {condition}" for condition, value in given.items() if value is not None)
        self.sql = _OLD_EVENTS.format(types=", ".join(["%s"] * len(types)), conditions=conditions)
        adapted = None if since is None else connections[self.using].ops.adapt_datetimefield_value(since)
        self.values: list[Any] = [*types, *(value for value in (adapted, stream) if value is not None)]


def _redeliver(selection: _Selection, *, dry_run: bool) -> Iterator[tuple[LogRange, int]]:
    if selection.stream is None:
        ranges = log_ranges.split(pauses=not dry_run, using=selection.using)
    else:
        # One stream is short, and its name is indexed.
        in_stream = Event.objects.using(selection.using).filter(stream=selection.stream)
        ranges = iter([LogRange(0, in_stream.aggregate(last=Max("seq"))["last"] or 0, 1.0)])
    for log_range in ranges:
        yield log_range, _count(selection, log_range) if dry_run else _deliver(selection, log_range)


def _deliver(selection: _Selection, log_range: LogRange) -> int:
    using = selection.using
    sql = _DELIVER.format(now=now_plus(seconds=0, using=using), old_events=selection.sql, key_share=key_share_of("e", using=using))
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql, [selection.subscriber, log_range.after, log_range.upto, *selection.values])
        return int(cursor.rowcount)


def _count(selection: _Selection, log_range: LogRange) -> int:
    with connections[selection.using].cursor() as cursor:
        values = [log_range.after, log_range.upto, *selection.values, selection.subscriber]
        cursor.execute(_COUNT.format(old_events=selection.sql), values)
        (count,) = cursor.fetchone()
    return int(count)
