"""Claim deliveries: one statement finds the heads of lanes, leases them and returns them.

Only the head of a lane, its lowest version, can be claimed. Whoever holds the head owns the lane, so a claim also takes the next few
deliveries behind it. A lease is a `token` and a `not_before`: until then no other worker takes the delivery. A lease that expired means
that its worker died or hung. Such a delivery is claimed alone, so that an event that kills workers takes no other delivery down with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from random import random
from time import monotonic
from typing import Any
from uuid import UUID, uuid4

from django.db import connections

from gdmarket.bus import log, routing
from gdmarket.bus.log import StoredEvent
from gdmarket.bus.models import Delivery
from gdmarket.bus.pending_lanes import Lane
from gdmarket.bus.sql import fetch_all, lock_of, now_plus

LEASE_S = 10
# For so long relays leave to a request what it has published and will deliver at its end: it is nearly always done by then.
HEAD_START_S = 1
LANES = 50
# The most deliveries in one claim: many from each lane where lanes are few. When the worker dies, each of them is retried alone.
CLAIM_SIZE = 200
# A request that delivers at once has little time.
_FAST_PATH_SIZE = 50
WALK = 2000
# Streams begin with a letter; timers' lanes with their event's id, whose first digit is 0 for some centuries. So the walk skips timers.
FIRST_LANE = "a"

_UNPAUSED = "NOT EXISTS (SELECT 1 FROM bus_subscription p WHERE p.subscriber = d.subscriber AND p.paused)"
_CLAIMABLE = f"NOT d.dead AND d.not_before <= {{now}} AND {_UNPAUSED}"
# For who has published to the lane: also what relays leave alone until its head start is over.
_FRESH = "{d}.attempts = 0 AND {d}.error = '' AND {d}.token IS NULL AND {d}.not_before <= {{soon}}"
_CLAIMABLE_AT_ONCE = f"NOT d.dead AND (d.not_before <= {{now}} OR {_FRESH.format(d='d')}) AND {_UNPAUSED}"
# What is taken of a lane ends before a dead or leased delivery: either may stand behind a head that was replayed.
_CLAIM = """
, taken AS MATERIALIZED (
  SELECT h.subscriber, h.lane, h.version, coalesce(
    (SELECT min(x.version) FROM bus_delivery x WHERE x.subscriber = h.subscriber AND x.lane = h.lane
       AND x.version > h.version AND x.version < h.version + {per_lane} AND (x.dead OR x.token IS NOT NULL)),
    h.version + {per_lane}) AS ends
  FROM head h)
UPDATE bus_delivery SET token = %(token)s, not_before = {lease}, attempts = attempts + %(expired)s FROM taken
WHERE bus_delivery.subscriber = taken.subscriber AND bus_delivery.lane = taken.lane
  AND bus_delivery.version >= taken.version AND bus_delivery.version < taken.ends
RETURNING bus_delivery.id, bus_delivery.event_id, bus_delivery.subscriber, bus_delivery.lane, bus_delivery.attempts
"""
# The heads of the lanes that a transaction published to.
_PENDING = """
WITH pending (subscriber, lane) AS (VALUES {lanes}),
head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM pending t JOIN bus_delivery d
    ON d.id = (SELECT x.id FROM bus_delivery x WHERE x.subscriber = t.subscriber AND x.lane = t.lane ORDER BY x.version LIMIT 1)
  WHERE d.token IS NULL AND {claimable} {lock})
"""
# The same heads, locked until the transaction ends instead of leased, and what can be handled with them. What was tried before is left out.
_LOCK = """
WITH pending (lane) AS (VALUES {lanes}),
head AS MATERIALIZED (
  SELECT d.lane, d.version FROM pending t JOIN bus_delivery d
    ON d.id = (SELECT x.id FROM bus_delivery x WHERE x.subscriber = %(subscriber)s AND x.lane = t.lane ORDER BY x.version LIMIT 1)
  WHERE d.token IS NULL AND d.attempts = 0 AND {claimable} {lock})
SELECT d.id, d.event_id, d.subscriber, d.lane, d.attempts FROM head h JOIN bus_delivery d
  ON d.subscriber = %(subscriber)s AND d.lane = h.lane AND d.version >= h.version AND d.version < coalesce(
    (SELECT min(x.version) FROM bus_delivery x WHERE x.subscriber = %(subscriber)s AND x.lane = h.lane
       AND x.version > h.version AND x.version < h.version + %(size)s
       AND (x.dead OR x.token IS NOT NULL OR x.attempts > 0 OR x.not_before > {soon})),
    h.version + %(size)s)
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
  WHERE d.token IS NULL AND {{claimable}} LIMIT %(lanes)s {{lock}})
"""  # noqa: S608  # two constants
_END_OF_WALK = f"{_WALK} SELECT lane FROM walk WHERE step = %(steps)s AND lane IS NOT NULL"  # noqa: S608  # the same
_TIMERS = """
WITH head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM bus_delivery d
  WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND d.token IS NULL AND {claimable}
  ORDER BY d.not_before LIMIT %(lanes)s {lock})
"""
_EXPIRED = """
WITH head AS MATERIALIZED (
  SELECT d.subscriber, d.lane, d.version FROM bus_delivery d
  WHERE d.subscriber = %(subscriber)s AND d.token IS NOT NULL AND {claimable}
    AND NOT EXISTS (SELECT 1 FROM bus_delivery x WHERE x.subscriber = d.subscriber AND x.lane = d.lane AND x.version < d.version)
  ORDER BY d.not_before LIMIT 1 {lock})
"""
# A random lane, so that workers keep apart and no lane is always last; no lane where one claim from the first lane takes everything, in the
# log's order. The inner limit bounds the search where other subscribers' deliveries abound.
_RANDOM_LANE = """
SELECT lane FROM (
  SELECT lane, subscriber FROM bus_delivery
  WHERE id >= (SELECT CAST(min(id) + CAST(%(chance)s AS double precision) * (max(id) - min(id)) AS bigint) FROM bus_delivery)
  ORDER BY id LIMIT 1000) d
WHERE subscriber = %(subscriber)s AND lane >= %(first)s
  AND %(lanes)s < (SELECT count(*) FROM (
    SELECT 1 FROM bus_delivery WHERE subscriber = %(subscriber)s AND lane >= %(first)s LIMIT %(lanes)s + 1) few)
LIMIT 1
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Claim:
    """A delivery that is leased, or without a `token` one that this transaction has locked.

    `begin_by_s`, by this process's monotonic clock, is when half of the lease is over: it is not begun later.
    """

    id: int
    token: UUID | None
    lane: Lane
    attempts: int
    lease_expired: bool
    event: StoredEvent
    using: str
    begin_by_s: float


def claim_expired(*, subscriber: str) -> list[Claim]:
    """Claim, alone, one delivery whose lease expired because its worker died or hung; this counts as one of its attempts."""
    return _claim(_EXPIRED, of=subscriber, per_lane="1", subscriber=subscriber, expired=1)


def claim_timers(*, subscriber: str) -> list[Claim]:
    """Claim timers that are due, the longest overdue first."""
    return _claim(_TIMERS, of=subscriber, per_lane="1", subscriber=subscriber, lanes=LANES)


def claim_lanes(*, subscriber: str) -> list[Claim]:
    """Claim deliveries from lanes that are free, beginning at a random lane; return none only where there are none."""
    chance = random()  # noqa: S311  # no secret
    start = _lane(_RANDOM_LANE, subscriber=subscriber, chance=chance, first=FIRST_LANE, lanes=LANES)
    if start is not None and (claimed := _claim_walking(subscriber, start)):
        return claimed
    start = FIRST_LANE
    while start is not None:
        if claimed := _claim_walking(subscriber, start):
            return claimed
        # So many lanes are blocked or leased that one walk did not see them all.
        start = _lane(_END_OF_WALK, subscriber=subscriber, start=start, steps=WALK)
    return []


def claim_pending_lanes(*, lanes: Sequence[Lane]) -> list[Claim]:
    """Claim deliveries from these lanes, all of one log, as far as they are free."""
    names: dict[str, Any] = {f"{part}{n}": value for n, lane in enumerate(lanes) for part, value in zip(("s", "l"), lane, strict=True)}
    values = ", ".join(f"(%(s{n})s, %(l{n})s)" for n in range(len(lanes)))
    heads = _PENDING.replace("{lanes}", values).replace("{claimable}", _claimable_at_once(routing.alias_of(lanes[0][0])))
    return _claim(heads, of=lanes[0][0], per_lane=_per_lane(_FAST_PATH_SIZE), **names)


def lock_pending_lanes(*, subscriber: str, lanes: Sequence[Lane]) -> list[Claim]:
    """Lock the heads of these lanes of one subscriber until the transaction ends, as far as they are free and were never tried.

    Whoever holds the head owns the lane, so what is returned includes the next few deliveries behind it.
    """
    using = routing.alias_of(subscriber)
    values = ", ".join(f"(%(l{n})s)" for n in range(len(lanes)))
    soon = now_plus(seconds=HEAD_START_S, using=using)
    sql = _LOCK.format(lanes=values, claimable=_claimable_at_once(using), lock=lock_of("d", using=using), soon=soon)
    names = {f"l{n}": lane for n, (_, lane) in enumerate(lanes)}
    rows = fetch_all(sql, names | {"subscriber": subscriber, "size": max(1, _FAST_PATH_SIZE // len(lanes))}, using=using)
    return _claims_of(rows, token=None, using=using)


def _claimable_at_once(using: str) -> str:
    return _CLAIMABLE_AT_ONCE.format(now=now_plus(seconds=0, using=using), soon=now_plus(seconds=HEAD_START_S, using=using))


def _claim(heads: str, *, of: str, per_lane: str, expired: int = 0, **parameters: Any) -> list[Claim]:
    token, using, began_s = uuid4(), routing.alias_of(of), monotonic()
    adapted = Delivery._meta.get_field("token").get_db_prep_save(token, connections[using])  # noqa: SLF001  # Django documents it
    rows = fetch_all(
        _claim_sql(heads, per_lane, using, connections[using].vendor), parameters | {"token": adapted, "expired": expired}, using=using
    )
    return _claims_of(rows, token=token, using=using, lease_expired=bool(expired), begin_by_s=began_s + LEASE_S / 2)


@lru_cache(maxsize=256)
def _claim_sql(heads: str, per_lane: str, using: str, _vendor: str) -> str:
    claimable, lease = _CLAIMABLE.format(now=now_plus(seconds=0, using=using)), now_plus(seconds=LEASE_S, using=using)
    return (heads + _CLAIM).format(claimable=claimable, lock=lock_of("d", using=using), lease=lease, per_lane=per_lane)


def _claims_of(
    rows: Sequence[tuple[Any, ...]], *, token: UUID | None, using: str, lease_expired: bool = False, begin_by_s: float = inf
) -> list[Claim]:
    if not rows:
        return []
    events = log.stored(seqs={row[1] for row in rows}, using=using)
    claims = [
        Claim(
            id=pk,
            token=token,
            lane=(subscriber, lane),
            attempts=attempts,
            lease_expired=lease_expired,
            event=events[seq],
            using=using,
            begin_by_s=begin_by_s,
        )
        for pk, seq, subscriber, lane, attempts in rows
    ]
    return sorted(claims, key=lambda claim: (claim.event.seq, claim.id))


def _per_lane(size: int) -> str:
    return f"(SELECT CASE WHEN count(*) > {size} THEN 1 ELSE {size} / nullif(count(*), 0) END FROM head)"  # noqa: S608  # a number


def _claim_walking(subscriber: str, start: str) -> list[Claim]:
    return _claim(_WALKED, of=subscriber, per_lane=_per_lane(CLAIM_SIZE), subscriber=subscriber, start=start, steps=WALK, lanes=LANES)


def _lane(sql: str, *, subscriber: str, **parameters: Any) -> str | None:
    rows = fetch_all(sql, {"subscriber": subscriber, **parameters}, using=routing.alias_of(subscriber))
    return str(rows[0][0]) if rows else None
