"""How far behind each subscriber is, by the database's clock: what is due, what is not due yet, what is dead, and who works for it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.db import connections

from gdmarket import databases
from gdmarket.bus import routing
from gdmarket.bus.claims import FIRST_LANE
from gdmarket.bus.models import Delivery, Subscription
from gdmarket.bus.sql import now_plus, seconds_since

# A timer that went off, and is in somebody's hand or waits for another try.
_TRIED = "(d.token IS NOT NULL OR d.attempts > 0)"
# Each part is counted along an index of its own, and no further than asked for.
_BACKLOG = """
WITH due AS (
  SELECT * FROM (SELECT created_at AS since FROM bus_delivery
    WHERE subscriber = %(subscriber)s AND lane >= %(first)s AND version > 0 AND NOT dead LIMIT %(most)s) lanes
  UNION ALL
  SELECT * FROM (SELECT coalesce(e.due_at, d.not_before) FROM bus_delivery d JOIN bus_event e ON e.seq = d.event_id
    WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND NOT d.dead AND d.not_before <= {now} LIMIT %(most)s) timers
  UNION ALL
  SELECT * FROM (SELECT coalesce(e.due_at, d.not_before) FROM bus_delivery d JOIN bus_event e ON e.seq = d.event_id
    WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND NOT d.dead AND d.not_before > {now} AND {tried} LIMIT %(most)s) tried)
SELECT
  (SELECT count(*) FROM due),
  (SELECT {age} FROM (SELECT min(since) AS since FROM due) oldest),
  (SELECT count(*) FROM (SELECT 1 FROM bus_delivery d
    WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND NOT d.dead AND d.not_before > {now} AND NOT {tried} LIMIT %(most)s) timers),
  (SELECT count(*) FROM (SELECT 1 FROM bus_delivery WHERE subscriber = %(subscriber)s AND dead LIMIT %(most)s) dead)
"""
_SEEN = "SELECT subscriber, {age} FROM (SELECT subscriber, max(seen_at) AS seen_at FROM bus_heartbeat GROUP BY subscriber) newest"
_EVERYTHING = 2**62


@dataclass(frozen=True, kw_only=True, slots=True)
class Backlog:
    """What a subscriber has still to handle.

    `pending` counts deliveries that are due, those included that wait behind another, for another try, or in somebody's hands;
    `oldest_age_s` is for how long the oldest of them has been outstanding, in seconds, 0.0 where there is none. `timers` are not due yet,
    `dead` waits for an operator. `relay_seen_s` is how long ago a relay last finished a round for it, None where none has in an hour.
    """

    pending: int
    oldest_age_s: float
    timers: int
    dead: int
    paused: bool
    relay_seen_s: float | None


def measure(*, most: int | None = None, using: str | None = None) -> dict[str, Backlog]:
    """Return the backlog of every subscriber that is known here, written down, or has something outstanding; of one log, or of all.

    With `most` nothing is counted beyond it, so that the cost is bounded: `pending` (twice `most` at the highest, as timers that are due
    are counted apart), `timers` and `dead` then say "so many or more", and `oldest_age_s` is at least what it says.
    """
    found: dict[str, Backlog] = {}
    for alias in databases.aliases() if using is None else [using]:
        found |= _measure(alias, most)
    return found


def backlog_of(*, subscriber: str) -> Backlog:
    """Return the backlog of one subscriber, counted to the end, with what is still on its way to it from other logs."""
    home = routing.alias_of(subscriber)
    own = measure(using=home)[subscriber]
    to_come = [forwarder for forwarder in routing.subscribers() if routing.forward_target(forwarder) == home]
    on_the_way = [measure(using=routing.alias_of(forwarder))[forwarder] for forwarder in to_come]
    return replace(
        own,
        pending=own.pending + sum(there.pending for there in on_the_way),
        oldest_age_s=max([own.oldest_age_s, *(there.oldest_age_s for there in on_the_way)]),
        dead=own.dead + sum(there.dead for there in on_the_way),
    )


def _measure(using: str, most: int | None) -> dict[str, Backlog]:
    paused = dict(Subscription.objects.using(using).order_by("subscriber").values_list("subscriber", "paused"))
    seen = dict(_rows(_SEEN.format(age=seconds_since("seen_at", using=using)), {}, using))
    known = {*routing.subscribers_of(using), *paused, *_with_deliveries(using)}
    return {
        # What waits in a log for somebody who listens to another now, nobody will handle.
        subscriber if routing.alias_of(subscriber) == using else f"{subscriber} in {using}": _backlog(
            subscriber, most=most, paused=paused.get(subscriber, False), relay_seen_s=_rounded(seen.get(subscriber)), using=using
        )
        for subscriber in sorted(known)
    }


def _backlog(subscriber: str, *, most: int | None, paused: bool, relay_seen_s: float | None, using: str) -> Backlog:
    sql = _BACKLOG.format(now=now_plus(seconds=0, using=using), age=seconds_since("since", using=using), tried=_TRIED)
    (row,) = _rows(sql, {"subscriber": subscriber, "first": FIRST_LANE, "most": _EVERYTHING if most is None else most}, using)
    pending, age_s, timers, dead = row
    return Backlog(pending=pending, oldest_age_s=_rounded(age_s) or 0.0, timers=timers, dead=dead, paused=paused, relay_seen_s=relay_seen_s)


def _with_deliveries(using: str) -> set[str]:
    """Return who has deliveries, be it a subscriber no code knows any more; one step along the index each."""
    found: set[str] = set()
    last = ""
    rows = Delivery.objects.using(using).order_by("subscriber").values_list("subscriber", flat=True)
    while subscriber := rows.filter(subscriber__gt=last).first():
        found.add(last := subscriber)
    return found


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _rows(sql: str, parameters: Mapping[str, Any], using: str) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
