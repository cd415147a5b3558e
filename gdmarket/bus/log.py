"""Read the log: events with their metadata, and the one that is being handled."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import UUID

from gdmarket import correlation, databases
from gdmarket.bus import codec, registry
from gdmarket.bus.errors import UndecodableError, UnknownEventError
from gdmarket.bus.models import Event


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


_METADATA = [field.name for field in fields(Recorded) if field.name != "event"]

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


def read(row: Event) -> Recorded:
    """Return a row of the log with its event decoded.

    :raises UndecodableError, UnknownEventError: if this process cannot read it
    """
    event_class = registry.event_class(name=row.type, schema=row.schema)
    try:
        event = codec.decode(row.payload, event_class, schema=row.schema)
    except UndecodableError as unreadable:
        raise UndecodableError(f"event {row.seq}, version {row.version} of {row.stream}: {unreadable}") from unreadable
    return Recorded(event=event, **{name: getattr(row, name) for name in _METADATA})


@contextmanager
def handling(event: Recorded) -> Iterator[None]:
    """Make `event` the current event and the causation of what the block publishes; the correlation stays."""
    token = _current.set(event)
    try:
        with correlation.use(replace(correlation.current(), causation=event.id, actor=event.actor)):
            yield
    finally:
        _current.reset(token)
