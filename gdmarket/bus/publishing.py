"""Writing an event down, and who has still to hear it, in the transaction of the change it tells of."""

import re
from datetime import datetime
from typing import Any, Protocol, cast
from uuid import UUID

from django.db import connection
from django.db.models import Field

from gdmarket import correlation, ids
from gdmarket.bus import codec, fast_path, registry
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
    """A frozen dataclass of plain values that says when what it tells of happened."""

    @property
    def occurred_at(self) -> datetime:
        """The instant, with its time zone."""


def publish(event: Publishable, *, stream: str, at: datetime | None = None) -> UUID:
    """Record an event and deliver it to its subscribers once the transaction commits; return the event's id.

    `stream` names the aggregate (`"rental:<id>"`), whose lock the caller holds: each subscriber hears a stream's events in order.
    With `at` it is a timer: delivered no earlier than that instant, in no order with anything else.
    :raises OutsideTransactionError: outside `transaction.atomic()`
    :raises PublishedInBatchError: in a handler marked `batch`
    :raises UnknownEventError: if the event's class does not stand in `config/subscriptions.py`
    :raises ValueError: if `stream` is not of the form `kind:key`, or is longer than 128 characters
    """
    if not connection.in_atomic_block:
        raise OutsideTransactionError
    if registry.is_in_batch():
        raise PublishedInBatchError
    if not registry.is_known(type(event)):
        raise UnknownEventError(f"{codec.type_of(type(event))} does not stand in config/subscriptions.py: add it, be it with ()")
    if not _STREAM.match(stream) or len(stream) > LANE_LENGTH:
        raise ValueError(f"a stream is called kind:key, in at most {LANE_LENGTH} characters, not {stream!r}")
    event_id = ids.uuid7()
    with connection.cursor() as cursor:
        cursor.execute(_RECORD, _values(event, event_id, stream, at))
        seq, version = cursor.fetchone()
        if at is None:
            fan_out, place = _FAN_OUT.format(not_before=now_plus(seconds=0)), [stream, version]
        else:
            # A lane of its own: a timer neither waits for the stream nor holds it up.
            fan_out, place = _FAN_OUT.format(not_before="%s"), [str(event_id), 0, _adapt("not_before", at, Delivery)]
        cursor.execute(fan_out, [seq, *place, codec.type_of(type(event))])
        if at is None:
            fast_path.touch((subscriber, stream) for (subscriber,) in cursor.fetchall())
    return event_id


def _values(event: Publishable, event_id: UUID, stream: str, at: datetime | None) -> list[Any]:
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
    return [*(_adapt(name, value, Event) for name, value in row.items()), stream]


def _adapt(name: str, value: object, model: type[Event | Delivery]) -> Any:
    field = cast("Field[Any, Any]", model._meta.get_field(name))  # noqa: SLF001  # Django's documented door to its fields
    return field.get_db_prep_save(value, connection)
