"""Publish: write an event and one delivery per subscription, in the transaction of the change that it reports."""

import re
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

from django.db import connections
from django.db.models import Field

from gdmarket import correlation, databases, ids
from gdmarket.bus import codec, pending_lanes, registry
from gdmarket.bus.errors import OutsideTransactionError, PublishedInBatchError, UnknownEventError
from gdmarket.bus.models import LANE_LENGTH, Delivery, Event
from gdmarket.bus.sql import now_plus

_STREAM = re.compile(r"[a-z][a-z0-9_-]*:\S+\Z")

# The next version is taken while the caller holds the aggregate's lock. Where it holds none, two publishers collide on the unique
# (stream, version) and one transaction fails: an error, never disorder.
_RECORD = """
INSERT INTO bus_event (id, stream, version, type, schema, payload, correlation, causation, traceparent, actor, occurred_at, due_at)
SELECT %s, %s, coalesce(max(version), 0) + 1, %s, %s, %s, %s, %s, %s, %s, %s, %s FROM bus_event WHERE stream = %s
RETURNING seq, version
"""
_FAN_OUT = """
INSERT INTO bus_delivery (event_id, subscriber, lane, version, not_before, attempts, dead, error)
SELECT %s, subscriber, %s, %s, {not_before}, 0, false, '' FROM bus_subscription WHERE type = %s
RETURNING subscriber
"""


class Publishable(Protocol):
    """A frozen dataclass of plain values with the instant at which the event occurred."""

    @property
    def occurred_at(self) -> datetime:
        """The instant, with its time zone."""


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
    if not connections[using].in_atomic_block:
        message = "publish() needs the transaction of the change that it reports: `with databases.transaction_for(<its context>):`"
        raise OutsideTransactionError(message)
    if registry.is_in_batch():
        raise PublishedInBatchError
    if not registry.is_known(type(event)):
        raise UnknownEventError(f"{codec.type_of(type(event))} is not in config/subscriptions.py: add it, with () if nobody subscribes")
    if not _STREAM.match(stream) or len(stream) > LANE_LENGTH:
        raise ValueError(f"a stream has the form kind:key and at most {LANE_LENGTH} characters: {stream!r}")
    event_id = ids.uuid7()
    with connections[using].cursor() as cursor:
        cursor.execute(_RECORD, _values(event, event_id, stream, at, using))
        seq, version = cursor.fetchone()
        position: list[Any]
        if at is None:
            sql, position = _FAN_OUT.format(not_before=now_plus(seconds=0, using=using)), [stream, version]
        else:
            # A lane of its own: a timer neither waits for the stream nor blocks it.
            sql, position = _FAN_OUT.format(not_before="%s"), [str(event_id), 0, adapt("not_before", at, of=Delivery, using=using)]
        cursor.execute(sql, [seq, *position, codec.type_of(type(event))])
        if at is None:
            pending_lanes.add(((subscriber, stream) for (subscriber,) in cursor.fetchall()), using=using)
    return event_id


def adapt(name: str, value: object, *, of: type[Event | Delivery], using: str) -> Any:
    """Return a column's value as its database takes it in raw SQL."""
    field = cast("Field[Any, Any]", of._meta.get_field(name))  # noqa: SLF001  # Django documents it
    return field.get_db_prep_save(value, connections[using])


def _values(event: Publishable, event_id: UUID, stream: str, at: datetime | None, using: str) -> list[Any]:
    trace, event_class = correlation.current(), type(event)
    row: dict[str, Any] = {
        "id": event_id,
        "stream": stream,
        "type": codec.type_of(event_class),
        "schema": codec.schema_of(event_class),
        "payload": codec.encode(event),
        "correlation": trace.correlation,
        "causation": trace.causation,
        "traceparent": trace.traceparent,
        "actor": trace.actor,
        "occurred_at": event.occurred_at,
        "due_at": at,
    }
    return [*(adapt(name, value, of=Event, using=using) for name, value in row.items()), stream]
