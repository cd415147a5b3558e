"""`bus trace`: the events of a request as a tree, with who handled them and what is outstanding."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.core.management import CommandError

from gdmarket import bus, correlation
from gdmarket.bus import claims, dead_letters, tracing
from gdmarket.bus.models import Delivery, Event
from gdmarket.correlation import Trace
from tests.unit.gdmarket.bus.conftest import Connect, Run
from tests.unit.gdmarket.bus.sample import BLUE, MIDNIGHT, RED, Added, Removed, add, handler_of


def record_every(step: timedelta) -> None:
    """Set the instants at which the events were recorded: from midnight on, this far apart."""
    for place, event in enumerate(Event.objects.order_by("seq")):
        recorded_ms = int((MIDNIGHT + place * step).timestamp() * 1000)
        recorded = UUID(int=recorded_ms << 80 | event.pk)
        Event.objects.filter(causation=event.id).update(causation=recorded)
        Event.objects.filter(pk=event.pk).update(id=recorded)


def test_a_trace_is_a_tree_with_what_is_outstanding(connect: Connect, run: Run) -> None:
    def remove(event: Added) -> None:
        bus.publish(Removed(n=event.n, occurred_at=event.occurred_at + timedelta(milliseconds=40)), stream=f"other:{event.n}")

    def reject(_: Removed) -> None:
        raise bus.Reject("no")

    connect({Added: [handler_of(RED, remove)], Removed: [handler_of(BLUE, reject)]})
    with correlation.use(Trace(correlation="trace-1", traceparent="")):
        add(1, 2)
        add(3, at=datetime(2030, 1, 1, tzinfo=UTC))
    bus.run_until_idle()
    first, second = Delivery.objects.filter(dead=True).order_by("pk").values_list("pk", flat=True)
    record_every(timedelta(milliseconds=40))

    assert run("trace", "trace-1").splitlines() == [
        "00:00:00.000000        +0 ms  sample.Added  counter:1 v1",
        "                                handled by red",
        "00:00:00.120000      +120 ms    sample.Removed  other:1 v1",
        f"                                  waits for blue: dead after 1 attempts, delivery {first}: Reject: no",
        "00:00:00.040000       +40 ms  sample.Added  counter:1 v2",
        "                                handled by red",
        "00:00:00.160000      +160 ms    sample.Removed  other:2 v1",
        f"                                  waits for blue: dead after 1 attempts, delivery {second}: Reject: no",
        "00:00:00.080000       +80 ms  sample.Added  counter:1 v3  timer for 2030-01-01T00:00:00Z",
        "                                waits for red: due 2030-01-01 00:00:00",
        "5 events in 0.2 s; 3 deliveries outstanding",
    ]
    steps = json.loads(run("trace", "trace-1", "--json"))
    assert [step["depth"] for step in steps] == [0, 1, 0, 1, 0]
    assert [step["heard_by"] for step in steps] == [[RED], [], [RED], [], []]
    assert [step["due_at"] for step in steps] == [None, None, None, None, "2030-01-01T00:00:00Z"]


def test_a_claimed_delivery_is_shown(red: None, run: Run) -> None:
    with correlation.use(Trace(correlation="trace-1", traceparent="")):
        add(1)
    claims.claim_lanes(subscriber=RED)

    assert run("trace", "trace-1").splitlines()[1].strip() == "waits for red: claimed by a worker"


def test_an_unknown_trace_is_an_error(connect: Connect, run: Run) -> None:
    with pytest.raises(CommandError, match="X-Correlation-ID"):
        run("trace", "trace-2")


def test_a_skipped_delivery_was_not_handled(rejecting: list[int], run: Run) -> None:
    (dead,) = Delivery.objects.filter(dead=True).select_related("event")
    dead_letters.skip(delivery_id=dead.pk, reason="")

    lines = run("trace", dead.event.correlation).splitlines()

    assert [line.strip() for line in lines if "handled by" in line] == ["handled by red"]


def test_a_trace_of_several_days_shows_the_days(connect: Connect, run: Run) -> None:
    def remove(event: Added) -> None:
        bus.publish(Removed(n=event.n, occurred_at=MIDNIGHT + timedelta(days=1, hours=2)), stream="other:1")

    connect({Added: [handler_of(RED, remove)], Removed: []})
    with correlation.use(Trace(correlation="trace-1", traceparent="")):
        add(1)
    bus.run_until_idle()
    record_every(timedelta(days=1, hours=2))

    assert run("trace", "trace-1").splitlines() == [
        "2026-01-01 00:00:00.000000        +0 ms  sample.Added  counter:1 v1",
        "                                           handled by red",
        "2026-01-02 02:00:00.000000    +1 d 02 h    sample.Removed  other:1 v1",
        "2 events in 1 d 02 h; no deliveries outstanding",
    ]


@pytest.mark.parametrize(("limit", "newest"), [(1, ["counter:2 v3"]), (3, ["counter:2 v3", "counter:2 v2", "counter:1 v3"]), (100, None)])
def test_the_newest_events_of_several_streams_are_found(red: None, limit: int, newest: list[str] | None) -> None:
    add(1, counter=2)
    add(2, 3, 4, counter=1)
    add(5, counter=3)
    add(6, 7, counter=2)

    steps = tracing.list_newest(streams=["counter:1", "counter:2", "counter:4"], limit=limit)

    everything = ["counter:2 v3", "counter:2 v2", "counter:1 v3", "counter:1 v2", "counter:1 v1", "counter:2 v1"]
    assert [f"{step.stream} v{step.version}" for step in steps] == (newest or everything)
    assert all(step.waiting for step in steps)
