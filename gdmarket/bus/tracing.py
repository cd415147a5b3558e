"""One story, told from the log: what caused what, when, and who has still to hear of it."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from gdmarket.bus.errors import NoSuchStoryError
from gdmarket.bus.models import Delivery, Event


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """An event of the story; `depth` counts its causes, `waiting` says who has not handled it yet and why."""

    depth: int
    event_id: UUID
    type: str
    stream: str
    version: int
    actor: str
    occurred_at: datetime
    waiting: tuple[str, ...]


def list_steps(*, correlation: str) -> list[Step]:
    """Return the events of a story, each followed by those it caused.

    :raises NoSuchStoryError: if no event bears this correlation id
    """
    events = list(Event.objects.filter(correlation=correlation).order_by("seq"))
    if not events:
        raise NoSuchStoryError(correlation=correlation)
    waiting: dict[int, list[str]] = defaultdict(list)
    for delivery in Delivery.objects.filter(event__correlation=correlation).order_by("subscriber"):
        waiting[delivery.event_id].append(_outlook(delivery))
    return [_step(event, depth, waiting[event.seq]) for event, depth in _as_tree(events)]


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


def _step(event: Event, depth: int, waiting: Sequence[str]) -> Step:
    return Step(
        depth=depth,
        event_id=event.id,
        type=event.type,
        stream=event.stream,
        version=event.version,
        actor=event.actor,
        occurred_at=event.occurred_at,
        waiting=tuple(waiting),
    )
