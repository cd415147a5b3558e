"""The campaign's judge finds what is wrong: a verdict that cannot be bad would prove nothing."""

from typing import Any

import pytest

from tests.chaos.verdict import Effect, Logged, Mark, Verdict, judge

MARKS = [Mark("count:1", 1, "a", "id-a"), Mark("count:1", 2, "b", "id-b"), Mark("count:1", 3, "c", "id-c"), Mark("timer:1", 1, "t", "id-t")]
EVENTS = [Logged(mark.counter, mark.value, mark.value, mark.mark, mark.event_id) for mark in MARKS]
RED, BLUE = ([Effect(subscriber, mark.counter, mark.value, mark.mark) for mark in MARKS] for subscriber in ("red", "blue"))
COUNTERS = {"count:1": 3, "timer:1": 1}


def judged(**what: Any) -> dict[str, int]:
    """Return how often each guarantee was broken, those that were."""
    evidence: dict[str, Any] = {"state": COUNTERS, "marks": MARKS, "events": EVENTS, "effects": [*RED, *BLUE]}
    verdict = judge(**(evidence | what), subscribers=["red", "blue"], is_ordered=lambda counter: counter != "timer:1")
    broken = {name: getattr(verdict, name) for name in Verdict.__dataclass_fields__ if name != "examples" and getattr(verdict, name)}
    assert verdict.is_clean is not bool(broken)
    assert len(verdict.examples) == min(sum(broken.values()), 5)
    return broken


def test_each_event_once_and_in_order_is_clean() -> None:
    assert judged() == {}


def test_subscribers_need_not_keep_step() -> None:
    assert judged(effects=[RED[0], BLUE[0], BLUE[1], RED[1], BLUE[2], RED[2], RED[3], BLUE[3]]) == {}


@pytest.mark.parametrize("place", range(4))
def test_an_effect_that_is_missing_is_lost(place: int) -> None:
    assert judged(effects=[*RED[:place], *RED[place + 1 :], *BLUE]) == {"lost": 1}


def test_what_nobody_heard_is_lost_to_everybody() -> None:
    assert judged(effects=[]) == {"lost": 8}


@pytest.mark.parametrize("place", range(4))
def test_an_effect_that_is_there_again_was_applied_twice(place: int) -> None:
    assert judged(effects=[*RED, *BLUE, RED[place]]) == {"twice": 1}


def test_two_effects_that_are_swapped_are_out_of_order() -> None:
    assert judged(effects=[RED[1], RED[0], *RED[2:], *BLUE]) == {"out_of_order": 1}


def test_a_timer_is_in_no_order() -> None:
    two = [*MARKS, Mark("timer:1", 2, "u", "id-u")]
    effects = [*RED[:3], *BLUE[:3], *(Effect(reader, "timer:1", n, mark) for reader in ("red", "blue") for n, mark in ((2, "u"), (1, "t")))]
    events = [*EVENTS, Logged("timer:1", 2, 2, "u", "id-u")]
    assert judged(marks=two, events=events, effects=effects, state={"count:1": 3, "timer:1": 2}) == {}


def test_a_change_without_its_event_is_found() -> None:
    assert judged(events=EVENTS[1:]) == {"state_without_event": 1}


def test_a_change_that_left_no_mark_is_found() -> None:
    assert judged(state=COUNTERS | {"count:1": 4}) == {"state_without_event": 1}


def test_an_event_and_effects_of_a_change_that_was_taken_back_are_found() -> None:
    undone = {"marks": MARKS[:2], "events": EVENTS[:3], "effects": [*RED[:3], *BLUE[:3]], "state": {"count:1": 2}}
    assert judged(**undone) == {"event_without_state": 1, "effect_of_nothing": 2}


def test_an_event_under_another_version_than_its_change_is_found() -> None:
    assert judged(events=[EVENTS[0]._replace(version=5), *EVENTS[1:]]) == {"event_without_state": 1, "state_without_event": 1}
