"""What the log tells of a request, or of a thing: which event caused which, when, who handled it, and what is outstanding."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connections
from django.db.models import QuerySet

from gdmarket import databases, ids
from gdmarket.bus import codec, delivery_ids, routing, sql
from gdmarket.bus.errors import NoSuchTraceError
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event, Subscription

# Of each stream the newest: asked for the newest of all of them, a planner may prefer to scan the whole log.
_NEWEST = {
    "postgresql": (
        "SELECT newest.seq FROM unnest(%(streams)s::text[]) AS traced (stream) CROSS JOIN LATERAL"
        " (SELECT seq FROM bus_event WHERE stream = traced.stream ORDER BY version DESC LIMIT %(limit)s) AS newest"
    ),
    "sqlite": (
        "SELECT event.seq FROM json_each(%(streams)s) AS traced JOIN bus_event AS event"
        " ON event.seq IN (SELECT seq FROM bus_event WHERE stream = traced.value ORDER BY version DESC LIMIT %(limit)s)"
    ),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Traced:
    """The streams of events about a thing or a person; `note` is for the reader, such as that there are more streams than these."""

    streams: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """An event of a trace. `depth` counts its causes, `due_at` is set for a timer, `waiting` describes its outstanding deliveries.

    `recorded_at` is when it was published; `occurred_at` is its own field, which may be the same for all events of a request. `heard_by`
    names the subscribers without an outstanding delivery, and so also one that subscribed later. `given_up` names those for which an
    operator skipped it, with the reason.
    """

    depth: int
    event_id: UUID
    type: str
    stream: str
    version: int
    actor: str
    correlation: str
    occurred_at: datetime
    recorded_at: datetime
    due_at: datetime | None
    heard_by: tuple[str, ...]
    waiting: tuple[str, ...]
    given_up: tuple[str, ...]


def list_steps(*, correlation: str) -> list[Step]:
    """Return the events of a trace, each followed by those it caused.

    :raises NoSuchTraceError: if no event has this correlation id
    """
    logs = [_log_of_request(correlation, using) for using in databases.aliases()]
    events = _unique([event for log in logs for event in log.events])
    if not events:
        raise NoSuchTraceError(what=correlation)
    return [_step(event, depth, logs) for event, depth in _as_tree(events)]


def list_newest(*, streams: Collection[str], limit: int) -> list[Step]:
    """Return the newest `limit` events of these streams, the newest first; `depth` is 0 in all of them."""
    logs = [_log_of_streams(streams, limit, using) for using in databases.aliases()]
    events = _unique([event for log in logs for event in log.events])
    return [_step(event, 0, logs) for event in reversed(events[-limit:])]


def find_streams(*, what: str) -> Traced | None:
    """Return the streams about a thing or a person, by an id or an e-mail address, or None for what is neither.

    The module that knows them is named in the settings, for the bus knows no context; its `WHAT` is for the command's help.
    """
    found: Traced | None = import_module(settings.GDMARKET_TRACED).find_streams(what=what)
    return found


def _log_of_request(correlation: str, using: str) -> "_LogTrace":
    events = Event.objects.using(using).filter(correlation=correlation).order_by("seq")
    return _LogTrace(events, Delivery.objects.using(using).filter(event__correlation=correlation))


def _log_of_streams(streams: Collection[str], limit: int, using: str) -> "_LogTrace":
    vendor = connections[using].vendor
    given = list(streams) if vendor == "postgresql" else msgspec.json.encode(list(streams)).decode()
    found = sql.fetch_all(_NEWEST[vendor], {"streams": given, "limit": limit}, using=using)
    seqs = sorted(seq for (seq,) in found)[-limit:]
    events = Event.objects.using(using).filter(seq__in=seqs).defer("payload").order_by("seq")
    return _LogTrace(events, Delivery.objects.using(using).filter(event_id__in=seqs))


class _LogTrace:
    """What one log holds of these events: the state of their deliveries, by the events' ids."""

    def __init__(self, events: "QuerySet[Event]", deliveries: "QuerySet[Delivery]") -> None:
        self.events, using = list(events), events.db
        self.outstanding: dict[UUID, list[str]] = defaultdict(list)
        self.skipped: dict[UUID, dict[str, str]] = defaultdict(dict)
        unhandled: dict[UUID, set[str]] = defaultdict(set)
        ids_by_seq = {event.seq: event.id for event in self.events}
        for delivery in deliveries.order_by("subscriber", "pk"):
            event_id = ids_by_seq.get(delivery.event_id)
            if event_id is not None:  # None where it was published since the events were read
                self.outstanding[event_id].append(_describe(delivery, using))
                unhandled[event_id].add(delivery.subscriber)
        ids = [str(event.id) for event in self.events]
        records = Event.objects.using(using).filter(type=codec.type_of(DeliverySkipped), payload__event_id__in=ids)
        for record in records.order_by("seq").values_list("payload", flat=True):
            self.skipped[UUID(record["event_id"])][record["subscriber"]] = record["reason"]
            unhandled[UUID(record["event_id"])].add(record["subscriber"])
        subscribers: dict[str, set[str]] = defaultdict(set)
        for subscriber, event_type in Subscription.objects.using(using).order_by("pk").values_list("subscriber", "type"):
            if not routing.forward_target(subscriber):
                subscribers[event_type].add(subscriber)
        self.handled_by = {event.id: subscribers[event.type] - unhandled[event.id] for event in self.events}


def _unique(events: Sequence[Event]) -> list[Event]:
    """Return each event once, however many logs have it; those of several logs in the order in which they were published."""
    if len(databases.aliases()) == 1:
        return list(events)
    events_by_id = {event.id: event for event in reversed(events)}
    return sorted(events_by_id.values(), key=lambda event: (ids.made_at(event.id), event.id))


def _step(event: Event, depth: int, logs: Sequence[_LogTrace]) -> Step:
    given_up = [f"{subscriber}: {reason or 'no reason given'}" for log in logs for subscriber, reason in log.skipped[event.id].items()]
    return Step(
        depth=depth,
        event_id=event.id,
        type=event.type,
        stream=event.stream,
        version=event.version,
        actor=event.actor,
        correlation=event.correlation,
        occurred_at=event.occurred_at,
        recorded_at=ids.made_at(event.id),
        due_at=event.due_at,
        heard_by=tuple(sorted({subscriber for log in logs for subscriber in log.handled_by.get(event.id, ())})),
        waiting=tuple(line for log in logs for line in log.outstanding[event.id]),
        given_up=tuple(given_up),
    )


def _as_tree(events: Sequence[Event]) -> Iterator[tuple[Event, int]]:
    """Yield the events with their depth, depth first; one whose cause has another correlation id is a root."""
    known = {event.id for event in events}
    effects: dict[UUID | None, list[Event]] = defaultdict(list)
    for event in events:
        effects[event.causation if event.causation in known else None].append(event)
    stack = [(event, 0) for event in reversed(effects[None])]
    while stack:
        event, depth = stack.pop()
        yield event, depth
        stack.extend((effect, depth + 1) for effect in reversed(effects[event.id]))


def _describe(delivery: Delivery, using: str) -> str:
    if delivery.dead:
        delivery_id = delivery_ids.format_delivery_id(delivery.pk, using=using)
        return f"{delivery.subscriber}: dead after {delivery.attempts} attempts, delivery {delivery_id}: {delivery.error}"
    if delivery.token is not None:
        return f"{delivery.subscriber}: claimed by a worker"
    tried = f" after {delivery.attempts} attempts: {delivery.error}" if delivery.attempts else ""
    return f"{delivery.subscriber}: due {delivery.not_before:%Y-%m-%d %H:%M:%S}{tried}"
