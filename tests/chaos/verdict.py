"""Compares what the writers committed with what the subscribers applied."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

_EXAMPLES = 5


class Mark(NamedTuple):
    """A counter was raised, and this was committed."""

    counter: str
    value: int
    mark: str
    event_id: str


class Logged(NamedTuple):
    """An event as it stands in the log."""

    counter: str
    version: int
    value: int
    mark: str
    event_id: str


class Effect(NamedTuple):
    """A subscriber applied an event."""

    subscriber: str
    counter: str
    value: int
    mark: str


@dataclass(kw_only=True, slots=True)
class Verdict:
    """How often each guarantee was broken."""

    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    state_without_event: int = 0
    event_without_state: int = 0
    effect_of_nothing: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Say whether every guarantee was kept."""
        return not self.examples

    def note(self, guarantee: str, found: object) -> None:
        """Count one breach, and keep some to show."""
        setattr(self, guarantee, getattr(self, guarantee) + 1)
        if len(self.examples) < _EXAMPLES:
            self.examples.append(f"{guarantee}: {found}")


def judge(
    *,
    state: dict[str, int],
    marks: Sequence[Mark],
    events: Iterable[Logged],
    effects: Iterable[Effect],
    subscribers: Collection[str],
    is_ordered: Callable[[str], bool],
) -> Verdict:
    """Compare; `effects` come in the order in which they were applied, and `state` is what the marks must add up to."""
    verdict = Verdict()
    _compare_state(verdict, state, marks)
    _compare_log(verdict, marks, events)
    _compare_effects(verdict, marks, effects, subscribers, is_ordered)
    return verdict


def _compare_state(verdict: Verdict, counters: dict[str, int], marks: Sequence[Mark]) -> None:
    """A counter at 3 has been raised to 1, 2 and 3, once each."""
    raised = sorted((mark.counter, mark.value) for mark in marks)
    expected = sorted((name, value) for name, highest in counters.items() for value in range(1, highest + 1))
    if raised != expected:
        verdict.note("state_without_event", f"the counters have {len(expected)} changes, the marks {len(raised)}")


def _compare_log(verdict: Verdict, marks: Sequence[Mark], events: Iterable[Logged]) -> None:
    unmatched = {(mark.counter, mark.value, mark.mark, mark.event_id) for mark in marks}
    for event in events:
        key = (event.counter, event.value, event.mark, event.event_id)
        if event.version == event.value and key in unmatched:
            unmatched.remove(key)
        else:
            verdict.note("event_without_state", event)
    for missing in sorted(unmatched):
        verdict.note("state_without_event", missing)


def _compare_effects(
    verdict: Verdict,
    marks: Sequence[Mark],
    effects: Iterable[Effect],
    subscribers: Collection[str],
    is_ordered: Callable[[str], bool],
) -> None:
    known = {mark.mark for mark in marks}
    applied: dict[str, set[str]] = {subscriber: set() for subscriber in subscribers}
    reached: dict[tuple[str, str], int] = {}
    for effect in effects:
        lane = (effect.subscriber, effect.counter)
        if effect.mark not in known or effect.subscriber not in applied:
            verdict.note("effect_of_nothing", effect)
        elif effect.mark in applied[effect.subscriber]:
            verdict.note("twice", effect)
        else:
            applied[effect.subscriber].add(effect.mark)
            if is_ordered(effect.counter) and effect.value < reached.get(lane, 0):
                verdict.note("out_of_order", effect)
            reached[lane] = max(effect.value, reached.get(lane, 0))
    for subscriber in sorted(subscribers):
        for mark in marks:
            if mark.mark not in applied[subscriber]:
                verdict.note("lost", (subscriber, mark))
