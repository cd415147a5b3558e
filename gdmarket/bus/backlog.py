"""How far behind each subscriber is, by the database's clock: deliveries that are due, timers, dead deliveries, and the last heartbeat."""

from collections.abc import Collection
from dataclasses import dataclass, replace

from gdmarket import databases
from gdmarket.bus import codec, routing
from gdmarket.bus.claims import FIRST_LANE
from gdmarket.bus.models import Delivery, Subscription
from gdmarket.bus.sql import fetch_all, now_plus, seconds_since

# A timer that went off, and is leased or waits for a retry.
_TRIED = "(d.token IS NOT NULL OR d.attempts > 0)"
# Each part is counted along its own index, up to the limit.
_BACKLOG = """
WITH due AS (
  SELECT * FROM (SELECT created_at AS since FROM bus_delivery
    WHERE subscriber = %(subscriber)s AND lane >= %(first)s AND version > 0 AND NOT dead LIMIT %(limit)s) lanes
  UNION ALL
  SELECT * FROM (SELECT coalesce(e.due_at, d.not_before) FROM bus_delivery d JOIN bus_event e ON e.seq = d.event_id
    WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND NOT d.dead AND d.not_before <= {now} LIMIT %(limit)s) timers
  UNION ALL
  SELECT * FROM (SELECT coalesce(e.due_at, d.not_before) FROM bus_delivery d JOIN bus_event e ON e.seq = d.event_id
    WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND NOT d.dead AND d.not_before > {now} AND {tried} LIMIT %(limit)s) tried)
SELECT
  (SELECT count(*) FROM due),
  (SELECT {age} FROM (SELECT min(since) AS since FROM due) oldest),
  (SELECT count(*) FROM (SELECT 1 FROM bus_delivery d
    WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND NOT d.dead AND d.not_before > {now} AND NOT {tried} LIMIT %(limit)s) timers),
  (SELECT count(*) FROM (SELECT 1 FROM bus_delivery WHERE subscriber = %(subscriber)s AND dead LIMIT %(limit)s) dead)
"""
_SEEN = "SELECT subscriber, {age} FROM (SELECT subscriber, max(seen_at) AS seen_at FROM bus_heartbeat GROUP BY subscriber) newest"
_NO_LIMIT = 2**62


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """A subscriber's outstanding deliveries.

    `pending` counts deliveries that are due, including those that wait behind another or for a retry, or are leased; `oldest_age_s` is the
    age of the oldest of them, 0.0 if there is none. `timers` are not due yet, `dead` wait for an operator. `relay_seen_s` is how long ago a
    relay last finished a round for the subscriber, None if none has within an hour.
    """

    pending: int
    oldest_age_s: float
    timers: int
    dead: int
    paused: bool
    relay_seen_s: float | None


def measure(*, limit: int = _NO_LIMIT, using: str | None = None) -> dict[str, Backlog]:
    """Return the backlog of every subscriber that the code or the database knows, in one log or in all.

    With `limit` no count goes beyond it, so that the cost is bounded: `pending` (at most twice `limit`, as due timers are counted
    separately), `timers`, `dead` and `oldest_age_s` are then lower bounds.
    """
    if using is None:
        return {name: found for alias in databases.aliases() for name, found in measure(limit=limit, using=alias).items()}
    paused = dict(Subscription.objects.using(using).order_by("subscriber").values_list("subscriber", "paused"))
    seen = dict(fetch_all(_SEEN.format(age=seconds_since("seen_at", using=using)), {}, using=using))
    sql = _BACKLOG.format(now=now_plus(seconds=0, using=using), age=seconds_since("since", using=using), tried=_TRIED)
    backlogs = {}
    for subscriber in sorted({*routing.subscribers_of(using), *paused, *_with_deliveries(using)}):
        # Nobody handles what is left in a log for a subscriber that has moved to another.
        name = subscriber if routing.alias_of(subscriber) == using else f"{subscriber} in {using}"
        ((pending, age_s, timers, dead),) = fetch_all(sql, {"subscriber": subscriber, "first": FIRST_LANE, "limit": limit}, using=using)
        backlogs[name] = Backlog(
            pending=pending,
            oldest_age_s=round(age_s or 0.0, 3),
            timers=timers,
            dead=dead,
            paused=paused.get(subscriber, False),
            relay_seen_s=round(seen[subscriber], 3) if subscriber in seen else None,
        )
    return backlogs


def backlog_of(*, subscriber: str) -> Backlog:
    """Return the full backlog of one subscriber, including what forwarders have still to copy to its log."""
    alias = routing.alias_of(subscriber)
    own = measure(using=alias)[subscriber]
    forwarders = [forwarder for forwarder in routing.subscribers() if routing.forward_target(forwarder) == alias]
    forwarded = [measure(using=routing.alias_of(forwarder))[forwarder] for forwarder in forwarders]
    return replace(
        own,
        pending=own.pending + sum(there.pending for there in forwarded),
        oldest_age_s=max([own.oldest_age_s, *(there.oldest_age_s for there in forwarded)]),
        dead=own.dead + sum(there.dead for there in forwarded),
    )


def is_scheduled(timer: type, *, to: str, streams: Collection[str]) -> bool:
    """Return whether a timer of this class in one of these streams has still to be delivered to the subscriber `to`, or is dead."""
    waiting = Delivery.objects.using(databases.alias_for(to)).filter(subscriber=to, event__stream__in=streams)
    return waiting.filter(event__type=codec.type_of(timer)).exists()


def _with_deliveries(using: str) -> set[str]:
    """Return every subscriber with deliveries, including those unknown to the code, in one index step each."""
    found: set[str] = set()
    last = ""
    rows = Delivery.objects.using(using).order_by("subscriber").values_list("subscriber", flat=True)
    while subscriber := rows.filter(subscriber__gt=last).first():
        found.add(last := subscriber)
    return found
