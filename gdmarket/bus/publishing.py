"""Publish: write events and one delivery per subscription of each, in the transaction of the change that they report.

`publish` only buffers the event; at the end of the outermost `databases.transaction_for` all buffered events are written at once, as late
as the locks of their streams allow. Where no `transaction_for` is open, in another `atomic` block, an event is written immediately.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast
from uuid import UUID

from django.db import connections
from django.db.models import Field

from gdmarket import correlation, databases, ids, statements
from gdmarket.bus import codec, pending_lanes, registry
from gdmarket.bus.claims import HEAD_START_S
from gdmarket.bus.errors import OutsideTransactionError, PublishedInBatchError, UnknownEventError
from gdmarket.bus.models import LANE_LENGTH, Event
from gdmarket.bus.sql import now_plus

_STREAM = re.compile(r"[a-z][a-z0-9_-]*:\S+\Z")
# The most events in a statement: SQLite takes 32,766 parameters.
_AT_ONCE = 500
_COLUMNS = ("id", "stream", "type", "schema", "payload", "correlation", "causation", "traceparent", "actor", "occurred_at", "due_at")
_CASTS = ("uuid", "text", "text", "smallint", "jsonb", "text", "uuid", "text", "text", "timestamptz", "timestamptz")

# The next versions are taken while the caller holds the aggregate's lock. Where it holds none, two publishers collide on the unique
# (stream, version) and one transaction fails: an error, never disorder.
_RECORD = """
WITH new (n, {columns}) AS (VALUES {rows}){recorded_as}
INSERT INTO bus_event (version, {columns})
SELECT coalesce((SELECT max(e.version) FROM bus_event e WHERE e.stream = new.stream), 0)
  + row_number() OVER (PARTITION BY new.stream ORDER BY new.n), {columns}
FROM new ORDER BY new.n RETURNING *
"""
# A timer has a lane of its own: it neither waits for its stream nor blocks it.
_FAN_OUT = """
INSERT INTO bus_delivery (event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT e.seq, s.subscriber, CASE WHEN e.due_at IS NULL THEN e.stream ELSE {event_id} END,
  CASE WHEN e.due_at IS NULL THEN e.version ELSE 0 END, {not_before}, 0, false, ''
FROM {events} e JOIN bus_subscription s ON s.type = e.type {where} ORDER BY e.seq, s.subscriber
RETURNING subscriber, lane, version
"""
_SQLITE_ID = (
    "substr(e.id, 1, 8) || '-' || substr(e.id, 9, 4) || '-' || substr(e.id, 13, 4) || '-' || substr(e.id, 17, 4) || '-' || substr(e.id, 21)"
)


class Publishable(Protocol):
    """A frozen dataclass of plain values with the instant at which the event occurred."""

    @property
    def occurred_at(self) -> datetime:
        """The instant, with its time zone."""


@dataclass(frozen=True, slots=True)
class _Published:
    """A published event that is not written yet, as the values of its columns.

    It is kept among the connection's callbacks after the commit, which Django drops together with a savepoint that is rolled back.
    """

    values: Sequence[Any]

    def __call__(self) -> None:
        """Do nothing after the commit: it is written before it."""


def publish(event: Publishable, *, stream: str, at: datetime | None = None) -> UUID:
    """Record an event and deliver it to its subscribers once the transaction commits; return the event's id.

    `stream` names the aggregate (`"rental:<id>"`), whose lock the caller holds: each subscriber receives a stream's events in order.
    With `at` it is a timer: delivered no earlier than that instant, in no order with anything else. The event is written to the log beside
    the tables of its own context; forwarders copy it to the logs of subscribers in other databases.
    :raises OutsideTransactionError: outside a transaction of that database, `databases.transaction_for("<the event's context>")`
    :raises PublishedInBatchError: in a handler marked `batch`
    :raises UnknownEventError: if the event's class is not in `config/subscriptions.py`
    :raises ValueError: if `stream` is not of the form `kind:key`, or is longer than 128 characters
    """
    return record(event, stream=stream, at=at, using=databases.alias_for(codec.context_of(type(event).__module__)))


def record(event: Publishable, *, stream: str, using: str, at: datetime | None = None) -> UUID:
    """Publish an event in the log of the database `using`; the bus's own events are written beside the rows that they are about."""
    connection = connections[using]
    if not connection.in_atomic_block:
        message = "publish() needs the transaction of the change that it reports: `with databases.transaction_for(<its context>):`"
        raise OutsideTransactionError(message)
    if registry.is_in_batch():
        raise PublishedInBatchError
    if not registry.is_known(type(event)):
        raise UnknownEventError(f"{codec.type_of(type(event))} is not in config/subscriptions.py: add it, with () if nobody subscribes")
    if not _STREAM.match(stream) or len(stream) > LANE_LENGTH:
        raise ValueError(f"a stream has the form kind:key and at most {LANE_LENGTH} characters: {stream!r}")
    event_id = ids.uuid7()
    connection.on_commit(_Published(_values(event, event_id, stream, at, using)))
    if not databases.is_scope_open(using):
        write_published(using)
    return event_id


def write_published(using: str) -> None:
    """Write what the open transaction of a database has published and not written yet, in order, with the deliveries."""
    connection = connections[using]
    published = [entry[1] for entry in connection.run_on_commit if isinstance(entry[1], _Published)]
    if not published:
        return
    connection.run_on_commit = [entry for entry in connection.run_on_commit if not isinstance(entry[1], _Published)]
    for start in range(0, len(published), _AT_ONCE):
        _write(published[start : start + _AT_ONCE], using)


def _write(published: Sequence[_Published], using: str) -> None:
    due = _due(using)
    sql = _record_sql(connections[using].vendor, len(published), due)
    with statements.cursor(connections[using], keeps_plan=True) as cursor:
        cursor.execute(sql, [value for each in published for value in each.values])
        if connections[using].vendor == "sqlite":
            seqs = [row[0] for row in cursor.fetchall()]
            cursor.execute(fan_out(not_before=due, using=using, count=len(seqs)), seqs)
        lanes = [(subscriber, lane) for subscriber, lane, version in cursor.fetchall() if version]
    if lanes:
        pending_lanes.add(lanes, using=using)


def _due(using: str) -> str:
    """Return SQL for when a delivery may be claimed: at once, or by relays later where this request delivers it at its end."""
    now = now_plus(seconds=0, using=using)
    if not pending_lanes.is_deferred():
        return f"coalesce(e.due_at, {now})"
    return f"coalesce(e.due_at, CASE WHEN s.paused THEN {now} ELSE {now_plus(seconds=HEAD_START_S, using=using)} END)"


@lru_cache(maxsize=64)
def _record_sql(vendor: str, count: int, due: str) -> str:
    """Return SQL that writes so many events; on PostgreSQL with their deliveries."""
    casts = [f"%s::{cast}" for cast in _CASTS] if vendor == "postgresql" else ["%s"] * len(_CASTS)
    rows = [f"({n}, {', '.join(casts if n == 0 else ['%s'] * len(_COLUMNS))})" for n in range(count)]
    columns = ", ".join(_COLUMNS)
    if vendor == "sqlite":
        return _RECORD.format(columns=columns, rows=", ".join(rows), recorded_as="").replace("RETURNING *", "RETURNING seq")
    record = _RECORD.format(columns=columns, rows=", ".join(rows), recorded_as=", recorded AS (")
    deliver = _FAN_OUT.format(event_id="e.id::text", not_before=due, events="recorded", where="")
    return f"{record}){deliver}"


def fan_out(*, not_before: str, using: str, count: int) -> str:
    """Return SQL that inserts the deliveries of so many events of a log, given their `seq`, to be claimed from `not_before`, SQL, on."""
    where = f"WHERE e.seq IN ({', '.join(['%s'] * count)})"
    event_id = _SQLITE_ID if connections[using].vendor == "sqlite" else "e.id::text"
    return _FAN_OUT.format(event_id=event_id, not_before=not_before, events="bus_event", where=where)


def adapt(name: str, value: object, *, using: str) -> Any:
    """Return the value of an event's column as its database takes it in raw SQL."""
    field = cast("Field[Any, Any]", Event._meta.get_field(name))  # noqa: SLF001  # Django documents it
    return field.get_db_prep_save(value, connections[using])


def _values(event: Publishable, event_id: UUID, stream: str, at: datetime | None, using: str) -> list[Any]:
    trace, event_class, ops = correlation.current(), type(event), connections[using].ops
    is_native = connections[using].features.has_native_uuid_field
    return [
        event_id if is_native else event_id.hex,
        stream,
        codec.type_of(event_class),
        codec.schema_of(event_class),
        codec.encode_json(event),
        trace.correlation,
        trace.causation if is_native or trace.causation is None else trace.causation.hex,
        trace.traceparent,
        trace.actor,
        ops.adapt_datetimefield_value(event.occurred_at),
        ops.adapt_datetimefield_value(at),
    ]


databases.before_commit(write_published)
