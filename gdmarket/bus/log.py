"""Reading the log: an event with everything that was written beside it, and the one being handled now."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import F

from gdmarket import correlation
from gdmarket.bus import codec, registry
from gdmarket.bus.errors import UndecodableError
from gdmarket.bus.models import Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An event as it stands in the log; `seq` orders the whole log, `version` the stream."""

    id: UUID
    seq: int
    stream: str
    version: int
    type: str
    schema: int
    occurred_at: datetime
    correlation: str
    causation: UUID | None
    traceparent: str
    actor: str
    event: Any


_current: ContextVar[Recorded | None] = ContextVar("gdmarket_event", default=None)


def current() -> Recorded | None:
    """Return the event that is being handled; None outside a handler."""
    return _current.get()


def recorded(*, types: Collection[type], streams: Collection[str] | None = None, after_seq: int = 0, limit: int = 500) -> list[Recorded]:
    """Return up to `limit` events of these types that stand in the log after `after_seq`, in the log's order.

    With `streams` only theirs are read: each costs its own length, however long the log is. For rebuilding what can be rebuilt: a
    transaction that commits late puts its events before others already seen, so whoever follows the log this way must also hear the
    events as they are delivered.
    :raises UndecodableError, UnknownEventError: if an event cannot be read by this process
    """
    events = Event.objects.filter(type__in=[codec.type_of(event_class) for event_class in types])
    if streams is None:
        return [read(row) for row in events.filter(seq__gt=after_seq).order_by("seq")[:limit]]
    # A computed `place` instead of `seq`, and one stream at a time: else a planner may walk the whole log, which is in the order asked for.
    events = events.alias(place=F("seq") + 0).filter(place__gt=after_seq).order_by("version")
    rows = [row for stream in set(streams) for row in events.filter(stream=stream)[:limit]]
    return [read(row) for row in sorted(rows, key=attrgetter("seq"))[:limit]]


def read(row: Event) -> Recorded:
    """Return a row of the log with its event decoded.

    :raises UndecodableError, UnknownEventError: if this process cannot read it
    """
    event_class = registry.event_class(name=row.type, schema=row.schema)
    try:
        event = codec.decode(row.payload, event_class)
    except UndecodableError as unreadable:
        raise UndecodableError(f"event {row.seq}, version {row.version} of {row.stream}: {unreadable}") from unreadable
    return Recorded(
        id=row.id,
        seq=row.seq,
        stream=row.stream,
        version=row.version,
        type=row.type,
        schema=row.schema,
        occurred_at=row.occurred_at,
        correlation=row.correlation,
        causation=row.causation,
        traceparent=row.traceparent,
        actor=row.actor,
        event=event,
    )


@contextmanager
def handling(event: Recorded) -> Iterator[None]:
    """Work as the consequence of `event` for the length of the block: its story goes on, and it is the cause."""
    started = correlation.start(correlation=event.correlation, traceparent=event.traceparent)
    token = _current.set(event)
    try:
        with correlation.use(replace(started, causation=event.id, actor=event.actor)):
            yield
    finally:
        _current.reset(token)
