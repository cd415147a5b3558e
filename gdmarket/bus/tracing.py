"""One story, told from the log: what caused what, when, who heard it, and who has still to hear of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gdmarket import ids
from gdmarket.bus import codec
from gdmarket.bus.errors import NoSuchStoryError
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

    :raises NoSuchStoryError: if no event bears this correlation id
    """
    events = list(Event.objects.filter(correlation=correlation).order_by("seq"))
    if not events:
        raise NoSuchStoryError(correlation=correlation)
    told = _Told(correlation, events)
    return [told.step(event, depth) for event, depth in _as_tree(events)]


class _Told:
    """What is known of the deliveries of a story's events."""

    def __init__(self, correlation: str, events: Sequence[Event]) -> None:
        self._listeners: dict[str, set[str]] = defaultdict(set)
        for subscriber, event_type in Subscription.objects.order_by("pk").values_list("subscriber", "type"):
            self._listeners[event_type].add(subscriber)
        self._outstanding: dict[int, list[Delivery]] = defaultdict(list)
        for delivery in Delivery.objects.filter(event__correlation=correlation).order_by("subscriber"):
            self._outstanding[delivery.event_id].append(delivery)
        self._given_up: dict[str, dict[str, str]] = defaultdict(dict)
        records = Event.objects.filter(type=codec.type_of(DeliverySkipped), payload__event_id__in=[str(event.id) for event in events])
        for skipped in records.order_by("seq").values_list("payload", flat=True):
            self._given_up[skipped["event_id"]][skipped["subscriber"]] = skipped["reason"]

    def step(self, event: Event, depth: int) -> Step:
        outstanding, given_up = self._outstanding[event.seq], self._given_up[str(event.id)]
        unheard = {delivery.subscriber for delivery in outstanding} | set(given_up)
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
            heard_by=tuple(sorted(self._listeners[event.type] - unheard)),
            waiting=tuple(_outlook(delivery) for delivery in outstanding),
            given_up=tuple(f"{subscriber}: {reason or 'no reason given'}" for subscriber, reason in given_up.items()),
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


def _outlook(delivery: Delivery) -> str:
    if delivery.dead:
        return f"{delivery.subscriber}: dead after {delivery.attempts} attempts, delivery {delivery.pk}: {delivery.error}"
    if delivery.token is not None:
        return f"{delivery.subscriber}: in hand"
    tried = f" after {delivery.attempts} attempts: {delivery.error}" if delivery.attempts else ""
    return f"{delivery.subscriber}: due {delivery.not_before:%Y-%m-%d %H:%M:%S}{tried}"
