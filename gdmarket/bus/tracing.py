"""One story, told from the log: what caused what, when, who heard it, and who has still to hear of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gdmarket import databases, ids
from gdmarket.bus import codec, delivery_ids, routing
from gdmarket.bus.errors import NoSuchTraceError
from gdmarket.bus.events import DeliverySkipped
from gdmarket.bus.models import Delivery, Event, Subscription


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """An event of the story; `depth` counts its causes, `due_at` is set for a timer, `waiting` says who has not handled it yet and why.

    `recorded_at` is when it was published; `occurred_at` what it says of itself, and all events of one request may say the same. `heard_by`
    names those who handled it. Only what is outstanding is written down, so whoever began to hear such events later is named as well.
    `given_up` says for whom an operator skipped it, and why.
    """

    depth: int
    event_id: UUID
    type: str
    stream: str
    version: int
    actor: str
    occurred_at: datetime
    recorded_at: datetime
    due_at: datetime | None
    heard_by: tuple[str, ...]
    waiting: tuple[str, ...]
    given_up: tuple[str, ...]


def list_steps(*, correlation: str) -> list[Step]:
    """Return the events of a story, each followed by those it caused.

    :raises NoSuchTraceError: if no event bears this correlation id
    """
    told = [_Told(correlation, using) for using in databases.aliases()]
    events = _once([event for log in told for event in log.events])
    if not events:
        raise NoSuchTraceError(correlation=correlation)
    return [_step(event, depth, told) for event, depth in _as_tree(events)]


class _Told:
    """What one log knows of a story: its events, and what became of their deliveries."""

    def __init__(self, correlation: str, using: str) -> None:
        self.using = using
        self.events = list(Event.objects.using(using).filter(correlation=correlation).order_by("seq"))
        self._seqs = {event.id: event.seq for event in self.events}
        self._listeners: dict[str, set[str]] = defaultdict(set)
        for subscriber, event_type in Subscription.objects.using(using).order_by("pk").values_list("subscriber", "type"):
            if not routing.forward_target(subscriber):
                self._listeners[event_type].add(subscriber)
        self._outstanding: dict[int, list[Delivery]] = defaultdict(list)
        for delivery in Delivery.objects.using(using).filter(event__correlation=correlation).order_by("subscriber"):
            self._outstanding[delivery.event_id].append(delivery)
        self._given_up: dict[str, dict[str, str]] = defaultdict(dict)
        ids = [str(event.id) for event in self.events]
        records = Event.objects.using(using).filter(type=codec.type_of(DeliverySkipped), payload__event_id__in=ids)
        for skipped in records.order_by("seq").values_list("payload", flat=True):
            self._given_up[skipped["event_id"]][skipped["subscriber"]] = skipped["reason"]

    def heard_by(self, event: Event) -> set[str]:
        if event.id not in self._seqs:
            return set()
        return self._listeners[event.type] - {delivery.subscriber for delivery in self._waiting(event)} - set(self.given_up(event))

    def waiting(self, event: Event) -> list[str]:
        return [_outlook(delivery, self.using) for delivery in self._waiting(event)]

    def given_up(self, event: Event) -> dict[str, str]:
        return self._given_up[str(event.id)]

    def _waiting(self, event: Event) -> list[Delivery]:
        return self._outstanding[self._seqs.get(event.id, 0)]


def _once(events: Sequence[Event]) -> list[Event]:
    """Return each event once, however many logs have it; those of several logs in the order in which they were made."""
    events_by_id = {event.id: event for event in reversed(events)}
    if len(databases.aliases()) == 1:
        return list(events)
    return sorted(events_by_id.values(), key=lambda event: (ids.made_at(event.id), event.id))


def _step(event: Event, depth: int, told: Sequence[_Told]) -> Step:
    given_up = [f"{subscriber}: {reason or 'no reason given'}" for log in told for subscriber, reason in log.given_up(event).items()]
    return Step(
        depth=depth,
        event_id=event.id,
        type=event.type,
        stream=event.stream,
        version=event.version,
        actor=event.actor,
        occurred_at=event.occurred_at,
        recorded_at=ids.made_at(event.id),
        due_at=event.due_at,
        heard_by=tuple(sorted(set().union(*(log.heard_by(event) for log in told)))),
        waiting=tuple(outlook for log in told for outlook in log.waiting(event)),
        given_up=tuple(given_up),
    )


def _as_tree(events: Sequence[Event]) -> Iterator[tuple[Event, int]]:
    """Yield the events depth first; one whose cause belongs to another story begins its own branch."""
    told = {event.id for event in events}
    consequences: dict[UUID | None, list[Event]] = defaultdict(list)
    for event in events:
        consequences[event.causation if event.causation in told else None].append(event)
    to_tell = [(event, 0) for event in reversed(consequences[None])]
    while to_tell:
        event, depth = to_tell.pop()
        yield event, depth
        to_tell.extend((consequence, depth + 1) for consequence in reversed(consequences[event.id]))


def _outlook(delivery: Delivery, using: str) -> str:
    if delivery.dead:
        number = delivery_ids.format_delivery_id(delivery.pk, using=using)
        return f"{delivery.subscriber}: dead after {delivery.attempts} attempts, delivery {number}: {delivery.error}"
    if delivery.token is not None:
        return f"{delivery.subscriber}: in hand"
    tried = f" after {delivery.attempts} attempts: {delivery.error}" if delivery.attempts else ""
    return f"{delivery.subscriber}: due {delivery.not_before:%Y-%m-%d %H:%M:%S}{tried}"
