"""The verdict of a chaos campaign finds every violation: the negative control."""

from typing import Any

import pytest

from tests.chaos.verdict import Effect, Logged, Mark, Verdict, judge

MARKS = [Mark("count:1", 1, "a", "id-a"), Mark("count:1", 2, "b", "id-b"), Mark("count:1", 3, "c", "id-c"), Mark("timer:1", 1, "t", "id-t")]
EVENTS = [Logged(mark.counter, mark.value, mark.value, mark.mark, mark.event_id) for mark in MARKS]
RED, BLUE = ([Effect(subscriber, mark.counter, mark.value, mark.mark) for mark in MARKS] for subscriber in ("red", "blue"))
COUNTERS = {"count:1": 3, "timer:1": 1}


def judged(**what: Any) -> dict[str, int]:
    """Return the guarantees that were broken, each with how often."""
    evidence: dict[str, Any] = {"state": COUNTERS, "marks": MARKS, "events": EVENTS, "effects": [*RED, *BLUE]}
    verdict = judge(**(evidence | what), subscribers=["red", "blue"], is_ordered=lambda counter: counter != "timer:1")
    broken = {name: getattr(verdict, name) for name in Verdict.__dataclass_fields__ if name != "examples" and getattr(verdict, name)}
    assert verdict.is_clean is not bool(broken)
    assert len(verdict.examples) == min(sum(broken.values()), 5)
    return broken


TWO_TIMERS: dict[str, Any] = {
    "marks": [*MARKS, Mark("timer:1", 2, "u", "id-u")],
    "events": [*EVENTS, Logged("timer:1", 2, 2, "u", "id-u")],
    "effects": [Effect("red", "timer:1", 2, "u"), Effect("blue", "timer:1", 2, "u"), *RED, *BLUE],
    "state": {"count:1": 3, "timer:1": 2},
}
ROLLED_BACK = {"marks": MARKS[:2], "events": EVENTS[:3], "effects": [*RED[:3], *BLUE[:3]], "state": {"count:1": 2}}


@pytest.mark.parametrize(
    ("evidence", "broken"),
    [
        pytest.param({}, {}, id="each event once and in order"),
        pytest.param({"effects": [RED[0], *BLUE[:2], *RED[1:], *BLUE[2:]]}, {}, id="one subscriber ahead of the other"),
        pytest.param(TWO_TIMERS, {}, id="timers in any order"),
        *(pytest.param({"effects": [*RED[:n], *RED[n + 1 :], *BLUE]}, {"lost": 1}, id=f"effect {n} lost") for n in range(4)),
        pytest.param({"effects": []}, {"lost": 8}, id="all effects lost"),
        *(pytest.param({"effects": [*RED, *BLUE, RED[n]]}, {"twice": 1}, id=f"effect {n} twice") for n in range(4)),
        pytest.param({"effects": [RED[1], RED[0], *RED[2:], *BLUE]}, {"out_of_order": 1}, id="two effects swapped"),
        pytest.param({"events": EVENTS[1:]}, {"state_without_event": 1}, id="a change without its event"),
        pytest.param({"state": COUNTERS | {"count:1": 4}}, {"state_without_event": 1}, id="a change without a mark"),
        pytest.param(ROLLED_BACK, {"event_without_state": 1, "effect_of_nothing": 2}, id="an event of a change that was rolled back"),
        pytest.param(
            {"events": [EVENTS[0]._replace(version=5), *EVENTS[1:]]},
            {"event_without_state": 1, "state_without_event": 1},
            id="an event with another version than its change",
        ),
    ],
)
def test_each_violation_is_found(evidence: dict[str, Any], broken: dict[str, int]) -> None:
    assert judged(**evidence) == broken
