"""Deliver old events again, to a subscriber whose handlers are idempotent."""

from collections.abc import Iterator, Sequence
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
    using = routing.alias_of(subscriber)
    adapted = None if since is None else connections[using].ops.adapt_datetimefield_value(since)
    given = {"e.occurred_at >= %s": adapted, "e.stream = %s": stream}
    conditions = {condition: value for condition, value in given.items() if value is not None}
    old_events = _OLD_EVENTS.format(types=", ".join(["%s"] * len(types)), conditions="".join(f" AND {each}" for each in conditions))
    if stream is None:
        ranges = log_ranges.split(pauses=not dry_run, using=using)
    else:
        # One stream is short, and its name is indexed.
        last = Event.objects.using(using).filter(stream=stream).aggregate(last=Max("seq"))["last"]
        ranges = iter([LogRange(0, last or 0, 1.0)])
    change = _count if dry_run else _deliver
    values = [*types, *conditions.values()]
    return ((each, change(subscriber, old_events, [each.after, each.upto, *values], using)) for each in ranges)


def _deliver(subscriber: str, old_events: str, values: Sequence[Any], using: str) -> int:
    sql = _DELIVER.format(now=now_plus(seconds=0, using=using), old_events=old_events, key_share=key_share_of("e", using=using))
    with transaction.atomic(using=using), connections[using].cursor() as cursor:
        cursor.execute(sql, [subscriber, *values])
        return int(cursor.rowcount)


def _count(subscriber: str, old_events: str, values: Sequence[Any], using: str) -> int:
    with connections[using].cursor() as cursor:
        cursor.execute(_COUNT.format(old_events=old_events), [*values, subscriber])
        return int(cursor.fetchone()[0])
