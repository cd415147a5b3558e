"""A story is told as a tree, with who heard what and who has still to."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError

from gdmarket import bus, correlation
from gdmarket.bus import claims, dead_letters
from gdmarket.bus.models import Delivery, Event
from gdmarket.correlation import Trace
from tests.unit.gdmarket.bus.conftest import Connect, Run
from tests.unit.gdmarket.bus.kitchen import BLUE, MIDNIGHT, RED, Poured, Spilled, pour, reader


def record_every(step: timedelta) -> None:
    """Let the events have been recorded so far apart, from midnight on, whatever instants they tell of."""
    for place, event in enumerate(Event.objects.order_by("seq")):
        recorded_ms = int((MIDNIGHT + place * step).timestamp() * 1000)
        recorded = UUID(int=recorded_ms << 80 | event.pk)
        Event.objects.filter(causation=event.id).update(causation=recorded)
        Event.objects.filter(pk=event.pk).update(id=recorded)


def test_a_story_is_told_as_a_tree_with_what_is_outstanding(hear: Connect, run: Run) -> None:
    def spill(event: Poured) -> None:
        bus.publish(Spilled(n=event.n, occurred_at=event.occurred_at + timedelta(milliseconds=40)), stream=f"floor:{event.n}")

    def reject(_: Spilled) -> None:
        raise bus.Reject("no mop")

    hear({Poured: [reader(RED, spill)], Spilled: [reader(BLUE, reject)]})
    with correlation.use(Trace(correlation="story-1", traceparent="")):
        pour(1, 2)
        pour(3, at=datetime(2030, 1, 1, tzinfo=UTC))
    bus.run_until_idle()
    first, second = Delivery.objects.filter(dead=True).order_by("pk").values_list("pk", flat=True)
    record_every(timedelta(milliseconds=40))

    assert run("trace", "story-1").splitlines() == [
        "00:00:00.000000        +0 ms  kitchen.Poured  cup:1 v1",
        "                                handled by red",
        "00:00:00.120000      +120 ms    kitchen.Spilled  floor:1 v1",
        f"                                  waits for blue: dead after 1 attempts, delivery {first}: Reject: no mop",
        "00:00:00.040000       +40 ms  kitchen.Poured  cup:1 v2",
        "                                handled by red",
        "00:00:00.160000      +160 ms    kitchen.Spilled  floor:2 v1",
        f"                                  waits for blue: dead after 1 attempts, delivery {second}: Reject: no mop",
        "00:00:00.080000       +80 ms  kitchen.Poured  cup:1 v3  timer for 2030-01-01T00:00:00Z",
        "                                waits for red: due 2030-01-01 00:00:00",
        "5 events in 0.2 s; 3 deliveries outstanding",
    ]
    steps = json.loads(run("trace", "story-1", "--json"))
    assert [step["depth"] for step in steps] == [0, 1, 0, 1, 0]
    assert [step["heard_by"] for step in steps] == [[RED], [], [RED], [], []]
    assert [step["due_at"] for step in steps] == [None, None, None, None, "2030-01-01T00:00:00Z"]


def test_a_delivery_in_hand_is_told_of(hear: Connect, run: Run) -> None:
    hear({Poured: [reader(RED)]})
    with correlation.use(Trace(correlation="story-1", traceparent="")):
        pour(1)
    claims.claim_lanes(subscriber=RED)

    assert run("trace", "story-1").splitlines()[1].strip() == "waits for red: claimed by a worker"


def test_a_story_nobody_knows_is_an_error(hear: Connect, run: Run) -> None:
    with pytest.raises(CommandError, match="X-Correlation-ID"):
        run("trace", "story-2")


def test_a_delivery_given_up_was_not_heard(rejecting: list[int], run: Run) -> None:
    (dead,) = Delivery.objects.filter(dead=True).select_related("event")
    dead_letters.skip(delivery_id=dead.pk, reason="")

    lines = run("trace", dead.event.correlation).splitlines()

    assert [line.strip() for line in lines if "handled by" in line] == ["handled by red"]


def test_a_story_of_several_days_tells_the_days(hear: Connect, run: Run) -> None:
    def spill(event: Poured) -> None:
        bus.publish(Spilled(n=event.n, occurred_at=MIDNIGHT + timedelta(days=1, hours=2)), stream="floor:1")

    hear({Poured: [reader(RED, spill)], Spilled: []})
    with correlation.use(Trace(correlation="story-1", traceparent="")):
        pour(1)
    bus.run_until_idle()
    record_every(timedelta(days=1, hours=2))

    assert run("trace", "story-1").splitlines() == [
        "2026-01-01 00:00:00.000000        +0 ms  kitchen.Poured  cup:1 v1",
        "                                           handled by red",
        "2026-01-02 02:00:00.000000    +1 d 02 h    kitchen.Spilled  floor:1 v1",
        "2 events in 1 d 02 h; no deliveries outstanding",
    ]
