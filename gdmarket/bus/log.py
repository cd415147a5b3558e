"""Read the log: events with their metadata, and the one that is being handled."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from django.db.models import BigIntegerField, TextField
from django.db.models.functions import Cast

from gdmarket import correlation, databases
from gdmarket.bus import codec, registry
from gdmarket.bus.errors import UndecodableError, UnknownEventError
from gdmarket.bus.models import Event
from gdmarket.prepared import Prepared, among


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """An event with its metadata; `seq` orders the whole log, `version` the stream."""

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


class StoredEvent(NamedTuple):
    """A row of the log as it is stored, its payload as JSON: a model takes three times as long to make, and each delivery reads one."""

    seq: int
    id: UUID
    stream: str
    version: int
    type: str
    schema: int
    json: str
    correlation: str
    causation: UUID | None
    traceparent: str
    actor: str
    occurred_at: datetime
    due_at: datetime | None

    @property
    def payload(self) -> Any:
        """Return the payload as values that JSON can hold, under the schema that it was written in."""
        return msgspec.json.decode(self.json)

    def __str__(self) -> str:
        """Return the type and its version in the stream, as a row does."""
        return f"{self.type} {self.stream} v{self.version}"


# One parameter for all numbers: one statement, whatever a claim holds. The text of the payload is decoded once, into its class.
_STORED = Prepared(
    Event.objects.filter(among("seq", "seqs", BigIntegerField()))
    .annotate(json=Cast("payload", TextField()))
    .values_list(*StoredEvent._fields)
)

_current: ContextVar[Recorded | None] = ContextVar("gdmarket_event", default=None)


def current() -> Recorded | None:
    """Return the event that is being handled; None outside a handler."""
    return _current.get()


def history(*, reader: str, streams: Collection[str], on_unreadable: Callable[[str], object] | None = None) -> list[Recorded]:
    """Return the events in these streams that the context `reader` subscribes to, from the log beside it, each stream's in order.

    The caller bounds the result by the number of streams. An event that cannot be read is passed as a message to `on_unreadable`, and left
    out.
    :raises UndecodableError, UnknownEventError: if an event cannot be read by this process, and `on_unreadable` is not given
    """
    # Filtered by stream alone, and sorted here: otherwise the planner may prefer to scan the whole log.
    rows = Event.objects.using(databases.alias_for(reader)).filter(stream__in=streams)
    subscribed = registry.subscriptions()
    found = []
    for row in sorted((row for row in rows if (reader, row.type) in subscribed), key=attrgetter("stream", "version")):
        try:
            found.append(read(row))
        except (UndecodableError, UnknownEventError) as unreadable:
            if on_unreadable is None:
                raise
            on_unreadable(str(unreadable))
    return found


def stored(*, seqs: Collection[int], using: str) -> dict[int, StoredEvent]:
    """Return the rows of the log with these numbers."""
    return {row[0]: StoredEvent._make(row) for row in _STORED.all(using=using, seqs=list(seqs))}


def read(row: Event | StoredEvent) -> Recorded:
    """Return a row of the log with its event decoded.

    :raises UndecodableError, UnknownEventError: if this process cannot read it
    """
    event_class = registry.event_class(name=row.type, schema=row.schema)
    try:
        if isinstance(row, StoredEvent):
            event = codec.decode_json(row.json, event_class, schema=row.schema)
        else:
            event = codec.decode(row.payload, event_class, schema=row.schema)
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
    """Make `event` the current event and the causation of what the block publishes; the correlation stays."""
    token = _current.set(event)
    try:
        with correlation.use(replace(correlation.current(), causation=event.id, actor=event.actor)):
            yield
    finally:
        _current.reset(token)
