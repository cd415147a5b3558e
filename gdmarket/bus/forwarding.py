"""Copy events into the log of another database, once each; they are delivered from there.

A forwarder is a subscriber, and this is its handler. Two databases share no transaction: the copy is committed first, the delivery is
acknowledged after it. A worker that dies in between copies the event again, and the log ignores an event whose id it has. The lane keeps
the order, as for every subscriber.
"""

import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from time import monotonic

from django.db import InterfaceError, OperationalError, connections, transaction

from gdmarket import failpoints
from gdmarket.bus import pending_lanes, publishing, routing, settling
from gdmarket.bus.claims import Claim
from gdmarket.bus.errors import LogUnreachableError
from gdmarket.bus.log import StoredEvent
from gdmarket.bus.sql import now_plus
from gdmarket.unreachable import UnreachableDatabases

logger = logging.getLogger(__name__)

_COLUMNS = (
    *("id", "stream", "version", "type", "schema", "payload", "correlation", "causation", "traceparent", "actor"),
    *("occurred_at", "due_at"),
)
_COPY = f"INSERT INTO bus_event ({', '.join(_COLUMNS)}) VALUES {{rows}} ON CONFLICT (id) DO NOTHING RETURNING seq"  # noqa: S608  # constants
# The longest wait for SQLite's one writer, so that a request that delivers at once does not hang on another context's database.
_BUSY_MS = 1000

_unreachable = UnreachableDatabases()


def forward(*, claims: Sequence[Claim]) -> None:
    """Copy the events of one forwarder's deliveries, in this order, to the log of its target, and acknowledge them here.

    :raises LogUnreachableError: if the other database does not answer; the deliveries did not fail
    :raises django.db.Error: if it answers with an error, for example because a table or a right is missing
    :raises LeaseLostError: if another worker has the deliveries now; the events are copied nonetheless
    """
    target = routing.forward_target(claims[0].lane[0]) or ""
    if left_s := _unreachable.remaining_s(target):
        raise LogUnreachableError(target, after_s=left_s)
    began_s = monotonic()
    try:
        with _bounded_wait(target):
            _copy([claim.event for claim in claims], target)
    except (OperationalError, InterfaceError) as failure:
        # PostgreSQL's driver raises another class for a missing table or right; SQLite's calls it operational too.
        if getattr(failure.__cause__, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
            raise
        connections[target].close()
        if _unreachable.add(target, waited_s=monotonic() - began_s):
            logger.warning("the database %s does not answer; events for it wait here: %s", target, str(failure).strip())
        raise LogUnreachableError(target, after_s=_unreachable.remaining_s(target)) from failure
    if _unreachable.discard(target):
        logger.warning("the database %s answers again", target)
    failpoints.hit("event-copied")
    with transaction.atomic(using=claims[0].using):
        settling.acknowledge(claims=claims)


def _copy(events: Sequence[StoredEvent], target: str) -> None:
    with transaction.atomic(using=target), connections[target].cursor() as cursor:
        row = f"({', '.join(['%s'] * len(_COLUMNS))})"
        values = [publishing.adapt(name, getattr(event, name), using=target) for event in events for name in _COLUMNS]
        cursor.execute(_COPY.format(rows=", ".join([row] * len(events))), values)
        new = [seq for (seq,) in cursor.fetchall()]
        if new:
            # A timer is due by the clock of its own log.
            cursor.execute(publishing.fan_out(not_before=now_plus(seconds=0, using=target), using=target, count=len(new)), new)
            pending_lanes.add(((subscriber, lane) for subscriber, lane, _ in cursor.fetchall()), using=target)


@contextmanager
def _bounded_wait(target: str) -> Iterator[None]:
    """Wait for SQLite's one writer for 1 s instead of 20 s."""
    connection = connections[target]
    if connection.vendor != "sqlite":
        yield
        return
    usual_ms = int(1000 * connection.settings_dict["OPTIONS"].get("timeout", 5))
    connection.ensure_connection()
    connection.connection.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
    try:
        yield
    finally:
        if connection.connection is not None:
            connection.connection.execute(f"PRAGMA busy_timeout = {usual_ms}")
