"""Taking deliveries in hand on MariaDB, which has no `UPDATE … FROM … RETURNING`: candidates, locks, runs, lease, in one transaction.

Whoever has locked the head of a lane owns the lane until the commit, which writes the lease. Heads that others have locked are passed over,
so that workers neither wait for one another nor take the same. Candidates are looked for without a lock; what became of one meanwhile is
seen when it is locked.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import OperationalError, connections, transaction
from django.db.backends.utils import CursorWrapper

from gdmarket.bus.sql import now_plus

Row = tuple[Any, ...]

_FREE = "NOT d.dead AND d.not_before <= {now}"
_AWAKE = "NOT EXISTS (SELECT 1 FROM bus_subscription p WHERE p.subscriber = d.subscriber AND p.paused)"
_HEADS_OF = """
SELECT d.id FROM (SELECT subscriber, lane, min(version) AS version FROM bus_delivery WHERE {which} GROUP BY subscriber, lane {limit}) h
JOIN bus_delivery d ON d.subscriber = h.subscriber AND d.lane = h.lane AND d.version = h.version
WHERE d.token IS NULL AND {free} AND {awake}
"""
TOUCHED = _HEADS_OF.replace("{which}", "(subscriber, lane) IN ({lanes})").replace("{limit}", "")
# Page by page along the index: a long lane costs one step, like a short one.
LANES = _HEADS_OF.replace("{which}", "subscriber = %(subscriber)s AND lane > %(after)s").replace("{limit}", "ORDER BY lane LIMIT %(lanes)s")
_LAST_OF_PAGE = """
SELECT max(lane), count(*) FROM
  (SELECT lane FROM bus_delivery WHERE subscriber = %(subscriber)s AND lane > %(after)s GROUP BY lane ORDER BY lane LIMIT %(lanes)s) page
"""
TIMERS = """
SELECT d.id FROM bus_delivery d WHERE d.subscriber = %(subscriber)s AND d.version = 0 AND d.token IS NULL AND {free} AND {awake}
ORDER BY d.not_before LIMIT %(lanes)s
"""
SUSPECT = """
SELECT d.id FROM bus_delivery d WHERE d.subscriber = %(subscriber)s AND d.token IS NOT NULL AND {free} AND {awake}
  AND NOT EXISTS (SELECT 1 FROM bus_delivery x WHERE x.subscriber = d.subscriber AND x.lane = d.lane AND x.version < d.version)
ORDER BY d.not_before LIMIT 1
"""
_LOCK = "SELECT d.id FROM bus_delivery d WHERE d.id IN %(ids)s AND (d.token IS NOT NULL) = %(suspect)s AND {free} {lock}"
_BEHIND = """
SELECT h.id, x.id, x.dead OR (x.token IS NOT NULL AND x.id <> h.id) FROM bus_delivery h
JOIN bus_delivery x ON x.subscriber = h.subscriber AND x.lane = h.lane AND x.version >= h.version AND x.version < h.version + %(run)s
WHERE h.id IN %(ids)s ORDER BY x.lane, x.version
"""
_LEASE = """
UPDATE bus_delivery SET token = %(token)s, not_before = {lease}, attempts = attempts + %(suspect)s
WHERE id IN %(ids)s
"""
_TAKEN = "SELECT id, event_id, subscriber, lane, attempts FROM bus_delivery WHERE id IN %(ids)s AND token = %(token)s"
_LOCK_OF_ROWS = "FOR UPDATE SKIP LOCKED"
# InnoDB may find a deadlock between two who do nothing wrong; the loser begins anew.
_DEADLOCK, _TRIES = 1213, 5


def claim(heads: str, *, using: str, in_hand: int, lease_s: int, **parameters: Any) -> list[Row]:
    """Lease runs of deliveries that begin with these `heads`, at most about `in_hand` in all, and return them as they then stand.

    `parameters` are those of `heads`, with `token` and `suspect`.
    """
    for left in reversed(range(_TRIES)):
        try:
            with transaction.atomic(using=using), connections[using].cursor() as cursor:
                return _claim(cursor, heads, parameters, using=using, in_hand=in_hand, lease_s=lease_s)
        except OperationalError as failure:
            if failure.args[0] != _DEADLOCK or not left:
                raise
    raise AssertionError


def pages(*, using: str, **parameters: Any) -> Iterator[str]:
    """Yield after which lane each page of a subscriber's lanes begins, from `after` on; `lanes` to a page."""
    after: str | None = parameters["after"]
    while after is not None:
        yield after
        with connections[using].cursor() as cursor:
            cursor.execute(_LAST_OF_PAGE, {**parameters, "after": after})
            last, count = cursor.fetchone()
        after = last if count == parameters["lanes"] else None


def _claim(cursor: CursorWrapper, heads: str, parameters: Mapping[str, Any], *, using: str, in_hand: int, lease_s: int) -> list[Row]:
    now, lease = now_plus(seconds=0, using=using), now_plus(seconds=lease_s, using=using)
    free = _FREE.format(now=now)
    ids = _ids(cursor, heads.replace("{free}", free).replace("{awake}", _AWAKE), parameters)
    ids = ids and _ids(cursor, _LOCK.format(free=free, lock=_LOCK_OF_ROWS), {**parameters, "ids": ids})
    if not ids:
        return []
    if not parameters["suspect"]:
        run = 1 if len(ids) > in_hand else in_hand // len(ids)
        cursor.execute(_BEHIND, {"ids": ids, "run": run})
        ids = _runs(cursor.fetchall())
    cursor.execute(_LEASE.format(lease=lease), {**parameters, "ids": ids})
    cursor.execute(_TAKEN, {**parameters, "ids": ids})
    return list(cursor.fetchall())


def _ids(cursor: CursorWrapper, sql: str, parameters: Mapping[str, Any]) -> list[int]:
    cursor.execute(sql, parameters)
    return [pk for (pk,) in cursor.fetchall()]


def _runs(rows: Sequence[Row]) -> list[int]:
    """Return the deliveries of each head's run, which ends before what is dead or in somebody's hand."""
    taken, ended = [], set()
    for head, pk, is_taken in rows:
        if is_taken:
            ended.add(head)
        elif head not in ended:
            taken.append(pk)
    return taken
