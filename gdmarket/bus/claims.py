"""Taking deliveries in hand: one statement that finds the heads of lanes, leases them and returns them.

Only the head of a lane, its lowest version, can be claimed; whoever owns the head owns the lane, so a claim takes the next few behind it
too (a run). A lease is a `token` and a `not_before`: until then nobody else takes it; afterwards the worker is held to be dead, and the
delivery is a suspect, which is claimed alone, so that an event that kills workers takes no innocent ones down with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import random
from typing import Any
from uuid import UUID, uuid4

from django.db import connections

from gdmarket.bus import plain_claims, routing
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.pending_lanes import Lane
from gdmarket.bus.sql import MARIADB, lock_of, now_plus

LEASE_S = 10
LANES = 50
# As many deliveries a worker takes in hand at once, from few lanes many of each. All are suspects, each to be tried alone, when it dies.
IN_HAND = 200
# A request that delivers at once has little time.
_IN_HAND_AT_ONCE = 50
WALK = 2000
# Streams begin with a letter, timers' lanes with their event's id, whose first digit is 0 for some centuries: the walk passes timers over.
FIRST_LANE = "a"
_BEFORE_LANES = "`"  # the character before "a"

_FREE = """
  NOT d.dead AND d.not_before <= {now}
  AND NOT EXISTS (SELECT 1 FROM bus_subscription p WHERE p.subscriber = d.subscriber AND p.paused)
"""
# A run ends before what is dead or in somebody's hand: behind a head that was delivered anew, either may stand.
_CLAIM = """
, run AS MATERIALIZED (
  SELECT h.subscriber, h.lane, h.version, coalesce(
    (SELECT min(x.version) FROM bus_delivery x WHERE x.subscriber = h.subscriber AND x.lane = h.lane
       AND x.version > h.version AND x.version < h.version + {run} AND (x.dead OR x.token IS NOT NULL)),
    h.version + {run}) AS ends
  FROM head h)
UPDATE bus_delivery SET token = %(token)s, not_before = {lease}, attempts = attempts + %(suspect)s FROM run
WHERE bus_delivery.subscriber = run.subscriber AND bus_delivery.lane = run.lane
  AND bus_delivery.version >= run.version AND bus_delivery.version < run.ends
RETURNING bus_delivery.id, bus_delivery.event_id, bus_delivery.subscriber, bus_delivery.lane, bus_delivery.attempts
"""
# The head of each of the lanes a transaction pending_lanes.
_TOUCHED = """
WITH touched (subscriber, lane) AS (VALUES {lanes}),
head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM touched t JOIN bus_delivery d
    ON d.id = (SELECT x.id FROM bus_delivery x WHERE x.subscriber = t.subscriber AND x.lane = t.lane ORDER BY x.version LIMIT 1)
  WHERE d.token IS NULL AND {free} {lock})
"""
# Walks lanes, not rows (a loose index scan): a long lane costs one step, like a short one.
_WALK = """
WITH RECURSIVE walk (lane, step) AS (
  SELECT (SELECT min(lane) FROM bus_delivery WHERE subscriber = %(subscriber)s AND lane >= %(start)s), 0
  UNION ALL
  SELECT (SELECT min(lane) FROM bus_delivery WHERE subscriber = %(subscriber)s AND lane > walk.lane), step + 1
  FROM walk WHERE walk.lane IS NOT NULL AND step < %(steps)s)
"""
_WALKED = f"""{_WALK},
head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM walk JOIN bus_delivery d
    ON d.id = (SELECT x.id FROM bus_delivery x WHERE x.subscriber = %(subscriber)s AND x.lane = walk.lane ORDER BY x.version LIMIT 1)
  WHERE d.token IS NULL AND {{free}} LIMIT %(lanes)s {{lock}})
"""  # noqa: S608  # two constants
_END_OF_WALK = f"{_WALK} SELECT lane FROM walk WHERE step = %(steps)s AND lane IS NOT NULL"  # noqa: S608  # the same
_TIMERS = """
WITH head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM bus_delivery d
  WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND d.token IS NULL AND {free} ORDER BY d.not_before LIMIT %(lanes)s {lock})
"""
_SUSPECT = """
WITH head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM bus_delivery d
  WHERE d.subscriber = %(subscriber)s AND d.token IS NOT NULL AND {free}
    AND NOT EXISTS (SELECT 1 FROM bus_delivery x WHERE x.subscriber = d.subscriber AND x.lane = d.lane AND x.version < d.version)
  ORDER BY d.not_before LIMIT 1 {lock})
"""
# Where more waits than one claim takes: some lane, so that workers keep apart and no lane is always last. Where less does, none: one claim
# from the first lane takes it all, in the log's order. The inner limit bounds the search where other subscribers' deliveries abound.
_SOME_LANE = """
SELECT lane FROM (
  SELECT lane, subscriber FROM bus_delivery
  WHERE id >= (SELECT CAST(min(id) + %(chance)s * (max(id) - min(id)) AS bigint) FROM bus_delivery) ORDER BY id LIMIT 1000) d
WHERE subscriber = %(subscriber)s AND lane >= %(first)s
  AND %(lanes)s < (SELECT count(*) FROM (
    SELECT 1 FROM bus_delivery WHERE subscriber = %(subscriber)s AND lane >= %(first)s LIMIT %(lanes)s + 1) few)
LIMIT 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A delivery in hand, until its lease runs out."""

    id: int
    token: UUID
    lane: Lane
    attempts: int
    lease_expired: bool
    event: Event
    using: str


def claim_expired(*, subscriber: str) -> list[Claim]:
    """Claim one delivery whose worker died or hung, alone; its `attempts` then counts that death."""
    return _claim(_SUSPECT, plain_claims.SUSPECT, of=subscriber, in_hand=1, run="1", subscriber=subscriber, suspect=1)


def claim_timers(*, subscriber: str) -> list[Claim]:
    """Claim timers that are due, the longest overdue first."""
    return _claim(_TIMERS, plain_claims.TIMERS, of=subscriber, in_hand=1, run="1", subscriber=subscriber, lanes=LANES)


def claim_lanes(*, subscriber: str) -> list[Claim]:
    """Claim runs of deliveries from lanes that are free, beginning anywhere; nothing only where there is nothing."""
    if _is_plain(routing.alias_of(subscriber)):
        return _claim_page_by_page(subscriber)
    start: str | None = _some_lane(subscriber)
    if start is not None and (claimed := _claim_walking(subscriber, start)):
        return claimed
    start = FIRST_LANE
    while start is not None:
        if claimed := _claim_walking(subscriber, start):
            return claimed
        # So many lanes are stuck or in others' hands that one walk did not see them all.
        start = _lane(_END_OF_WALK, subscriber=subscriber, start=start, steps=WALK)
    return []


def claim_pending_lanes(*, lanes: Sequence[Lane]) -> list[Claim]:
    """Claim runs of deliveries from these lanes, all of one log, as far as they are free."""
    names: dict[str, Any] = {f"{part}{n}": value for n, lane in enumerate(lanes) for part, value in zip(("s", "l"), lane, strict=True)}
    values = ", ".join(f"(%(s{n})s, %(l{n})s)" for n in range(len(lanes)))
    heads, plain = (sql.replace("{lanes}", values) for sql in (_TOUCHED, plain_claims.TOUCHED))
    return _claim(heads, plain, of=lanes[0][0], in_hand=_IN_HAND_AT_ONCE, run=_share_of(_IN_HAND_AT_ONCE), **names)


def _claim(heads: str, plain_heads: str, *, of: str, in_hand: int, run: str, suspect: int = 0, **parameters: Any) -> list[Claim]:
    token, using = uuid4(), routing.alias_of(of)
    adapted = Delivery._meta.get_field("token").get_db_prep_save(token, connections[using])  # noqa: SLF001  # Django's documented door
    parameters |= {"token": adapted, "suspect": suspect}
    if _is_plain(using):
        rows = plain_claims.claim(plain_heads, using=using, in_hand=in_hand, lease_s=LEASE_S, **parameters)
    else:
        free, lease = _FREE.format(now=now_plus(seconds=0, using=using)), now_plus(seconds=LEASE_S, using=using)
        rows = _rows((heads + _CLAIM).format(free=free, lock=lock_of("d", using=using), lease=lease, run=run), parameters, using)
    events = Event.objects.using(using).in_bulk({row[1] for row in rows})
    claims = [
        Claim(id=pk, token=token, lane=(subscriber, lane), attempts=attempts, lease_expired=bool(suspect), event=events[seq], using=using)
        for pk, seq, subscriber, lane, attempts in rows
    ]
    return sorted(claims, key=lambda claim: (claim.event.seq, claim.id))


def _share_of(in_hand: int) -> str:
    return f"(SELECT CASE WHEN count(*) > {in_hand} THEN 1 ELSE {in_hand} / nullif(count(*), 0) END FROM head)"  # noqa: S608  # a number


def _claim_walking(subscriber: str, start: str) -> list[Claim]:
    where: dict[str, Any] = {"subscriber": subscriber, "start": start, "steps": WALK, "lanes": LANES}
    return _claim(_WALKED, "", of=subscriber, in_hand=IN_HAND, run=_share_of(IN_HAND), **where)


def _claim_page_by_page(subscriber: str) -> list[Claim]:
    where: dict[str, Any] = {"subscriber": subscriber, "lanes": LANES}
    for after in plain_claims.pages(using=routing.alias_of(subscriber), after=_BEFORE_LANES, **where):
        if claimed := _claim("", plain_claims.LANES, of=subscriber, in_hand=IN_HAND, run="", after=after, **where):
            return claimed
    return []


def _is_plain(using: str) -> bool:
    return connections[using].vendor == MARIADB


def _some_lane(subscriber: str) -> str | None:
    chance = random()  # noqa: S311  # no secret
    return _lane(_SOME_LANE, subscriber=subscriber, chance=chance, first=FIRST_LANE, lanes=LANES)


def _lane(sql: str, *, subscriber: str, **parameters: Any) -> str | None:
    rows = _rows(sql, {"subscriber": subscriber, **parameters}, routing.alias_of(subscriber))
    return str(rows[0][0]) if rows else None


def _rows(sql: str, parameters: Mapping[str, Any], using: str) -> list[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
