"""Taking deliveries in hand: one statement that finds the heads of lanes, leases them and returns them.

Only the head of a lane, its lowest version, can be claimed; whoever owns the head owns the lane, so a claim takes the next few behind it
too (a run). A lease is a `token` and a `not_before`: until then nobody else takes it; afterwards the worker is held to be dead, and the
delivery is a suspect, which is claimed alone, so that an event that kills workers takes no innocent ones down with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import random
from typing import Any
from uuid import UUID, uuid4

from django.db import connection

from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.sql import lock_of, now_plus

Lane = tuple[str, str]

LEASE_S = 10
LANES = 50
# As many deliveries a worker takes in hand at once, from few lanes many of each. All are suspects, each to be tried alone, when it dies.
IN_HAND = 200
# A request that delivers at once has little time.
_IN_HAND_AT_ONCE = 50
WALK = 2000
# Streams begin with a letter, timers' lanes with their event's id, whose first digit is 0 for some centuries: the walk passes timers over.
FIRST_LANE = "a"

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
# The head of each of the lanes a transaction touched.
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
    is_suspect: bool
    event: Event


def claim_suspect(*, subscriber: str) -> list[Claim]:
    """Claim one delivery whose worker died or hung, alone; its `attempts` then counts that death."""
    return _claim(_SUSPECT, run="1", subscriber=subscriber, suspect=1)


def claim_timers(*, subscriber: str) -> list[Claim]:
    """Claim timers that are due, the longest overdue first."""
    return _claim(_TIMERS, run="1", subscriber=subscriber, lanes=LANES)


def claim_lanes(*, subscriber: str) -> list[Claim]:
    """Claim runs of deliveries from lanes that are free, beginning anywhere; nothing only where there is nothing."""
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


def claim_touched(*, lanes: Sequence[Lane]) -> list[Claim]:
    """Claim runs of deliveries from these lanes, as far as they are free."""
    names: dict[str, Any] = {f"{part}{n}": value for n, lane in enumerate(lanes) for part, value in zip(("s", "l"), lane, strict=True)}
    values = ", ".join(f"(%(s{n})s, %(l{n})s)" for n in range(len(lanes)))
    return _claim(_TOUCHED.replace("{lanes}", values), run=_share_of(_IN_HAND_AT_ONCE), **names)


def _claim(heads: str, *, run: str, suspect: int = 0, **parameters: Any) -> list[Claim]:
    token = uuid4()
    free, lease = _FREE.format(now=now_plus(seconds=0)), now_plus(seconds=LEASE_S)
    sql = (heads + _CLAIM).format(free=free, lock=lock_of("d"), lease=lease, run=run)
    adapted = Delivery._meta.get_field("token").get_db_prep_save(token, connection)  # noqa: SLF001  # Django's documented door
    with connection.cursor() as cursor:
        cursor.execute(sql, {**parameters, "token": adapted, "suspect": suspect})
        rows = cursor.fetchall()
    events = Event.objects.in_bulk({row[1] for row in rows})
    claims = [
        Claim(id=pk, token=token, lane=(subscriber, lane), attempts=attempts, is_suspect=bool(suspect), event=events[seq])
        for pk, seq, subscriber, lane, attempts in rows
    ]
    return sorted(claims, key=lambda claim: (claim.event.seq, claim.id))


def _share_of(in_hand: int) -> str:
    return f"(SELECT CASE WHEN count(*) > {in_hand} THEN 1 ELSE {in_hand} / nullif(count(*), 0) END FROM head)"  # noqa: S608  # a number


def _claim_walking(subscriber: str, start: str) -> list[Claim]:
    return _claim(_WALKED, run=_share_of(IN_HAND), subscriber=subscriber, start=start, steps=WALK, lanes=LANES)


def _some_lane(subscriber: str) -> str | None:
    chance = random()  # noqa: S311  # no secret
    return _lane(_SOME_LANE, subscriber=subscriber, chance=chance, first=FIRST_LANE, lanes=LANES)


def _lane(sql: str, **parameters: Any) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row = cursor.fetchone()
    return str(row[0]) if row else None
