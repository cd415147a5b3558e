"""Copying events into the log of another database, once each, where they are delivered as ever.

A forwarder is a subscriber like others; its handler is this. Two databases share no transaction: the copy is committed first, the delivery
acknowledged after. Who dies in between has copied what will be copied again, and the log refuses an event whose id it has: nothing is told
twice. The lane keeps the order, as for every subscriber.
"""

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from time import monotonic
from typing import Any

from django.db import Error, InterfaceError, OperationalError, connections, transaction
from django.db.backends.utils import CursorWrapper

from gdmarket import failpoints
from gdmarket.bus import pending_lanes, publishing, routing, settling
from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LogUnreachableError, StreamTakenError
from gdmarket.bus.models import Event
from gdmarket.bus.sql import insert_new, now_plus, quoted
from gdmarket.unreachable import UnreachableDatabases

logger = logging.getLogger(__name__)

_COLUMNS = (
    *("id", "stream", "version", "type", "schema", "payload", "correlation", "causation", "traceparent", "actor"),
    *("occurred_at", "due_at"),
)
_FAN_OUT = """
INSERT INTO bus_delivery (event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT e.seq, s.subscriber, {place}, {now}, 0, false, ''
FROM bus_event e JOIN bus_subscription s ON s.type = e.type WHERE e.seq IN ({seqs}) ORDER BY e.seq
RETURNING subscriber, lane
"""
# SQLite's one writer is waited for no longer than this, lest a request that delivers at once hangs on another context's database.
_BUSY_MS = 1000
# A column that is missing, and a right to a table or column.
_MARIADB_LACKS = frozenset({1054, 1142, 1143})

_unreachable = UnreachableDatabases()


def forward(*, claims: Sequence[Claim]) -> None:
    """Copy the events of one forwarder's deliveries, in this order, to where they are heard, and acknowledge them here.

    :raises LogUnreachableError: if the other database does not answer; nobody is to blame
    :raises Error: if it is there and refuses, for a table or a right that is missing say
    :raises LeaseLostError: if another worker has them now; copied they are all the same
    """
    target = routing.forward_target(claims[0].lane[0]) or ""
    if left_s := _unreachable.remaining_s(target):
        raise LogUnreachableError(target, after_s=left_s)
    began_s = monotonic()
    try:
        with _bounded_wait(target):
            _copy([claim.event for claim in claims], target)
    except (OperationalError, InterfaceError) as failure:
        if _is_of_ours(failure):
            raise
        connections[target].close()
        if _unreachable.add(target, waited_s=monotonic() - began_s):
            logger.warning("the database %s does not answer; events for it wait where they are: %s", target, str(failure).strip())
        raise LogUnreachableError(target, after_s=_unreachable.remaining_s(target)) from failure
    if _unreachable.discard(target):
        logger.warning("the database %s answers again", target)
    failpoints.hit("event-copied")
    with transaction.atomic(using=claims[0].using):
        settling.acknowledge(claims=claims)


def _is_of_ours(failure: Error) -> bool:
    """Say whether the database is there and cannot do what it was told: a table or a right is missing.

    PostgreSQL's driver has a class of its own for that; the two others call it operational.
    """
    cause = failure.__cause__
    code = getattr(cause, "sqlite_errorcode", None) or (cause.args[0] if cause and cause.args else None)
    return code == sqlite3.SQLITE_ERROR or code in _MARIADB_LACKS


def _copy(events: Sequence[Event], target: str) -> None:
    with transaction.atomic(using=target), connections[target].cursor() as cursor:
        row = f"({', '.join(['%s'] * len(_COLUMNS))})"
        columns = ", ".join(quoted(name, using=target) for name in _COLUMNS)
        rows = f"({columns}) VALUES {', '.join([row] * len(events))}"
        sql = insert_new("bus_event", rows, key="id", using=target) + " RETURNING seq"
        cursor.execute(sql, [value for event in events for value in _values(event, target)])
        new = [seq for (seq,) in cursor.fetchall()]
        if len(new) < len(events):
            _refuse_strangers(events, target)
        timers = [event.id for event in events if event.due_at is not None]
        copied = Event.objects.using(target).filter(seq__in=new, id__in=timers) if timers else ()
        for timer in copied:
            # It is due, by the clock that it went by; here, too, it has a lane of its own.
            _fan_out(cursor, [timer.seq], target, place="%s, 0", names=[str(timer.id)])
        _fan_out(cursor, sorted(set(new) - {timer.seq for timer in copied}), target)


def _values(event: Event, target: str) -> Iterator[Any]:
    return (publishing.adapt(name, getattr(event, name), of=Event, using=target) for name in _COLUMNS)


def _refuse_strangers(events: Iterable[Event], target: str) -> None:
    """Refuse where another event has the place of one of these: MariaDB passes over that as over a copy that is there."""
    ids = {event.id for event in events}
    there = set(Event.objects.using(target).filter(id__in=ids).values_list("id", flat=True))
    if there != ids:
        raise StreamTakenError(f"the log of {target} has other events under the streams and versions of {sorted(map(str, ids - there))}")


def _fan_out(
    cursor: CursorWrapper, seqs: Sequence[int], target: str, *, place: str = "e.stream, e.version", names: Sequence[str] = ()
) -> None:
    if seqs:
        sql = _FAN_OUT.format(place=place, now=now_plus(seconds=0, using=target), seqs=", ".join(["%s"] * len(seqs)))
        cursor.execute(sql, [*names, *seqs])
        pending_lanes.add(cursor.fetchall(), using=target)


@contextmanager
def _bounded_wait(target: str) -> Iterator[None]:
    """Wait for SQLite's one writer a second, not twenty."""
    connection = connections[target]
    if connection.vendor != "sqlite":
        yield
        return
    usual_ms = int(1000 * connection.settings_dict["OPTIONS"].get("timeout", 5))
    _wait_at_most(target, _BUSY_MS)
    try:
        yield
    finally:
        if connection.connection is not None:
            _wait_at_most(target, usual_ms)


def _wait_at_most(target: str, milliseconds: int) -> None:
    connections[target].ensure_connection()
    connections[target].connection.execute(f"PRAGMA busy_timeout = {milliseconds}")
