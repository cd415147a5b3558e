"""Each subscriber hears a stream's events in order, none twice and none never; what fails holds up its own lane only."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction

from gdmarket import bus
from gdmarket.bus import claims, subscriptions
from gdmarket.bus.models import Delivery
from tests.log import recorded
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, Spilled, notes, outstanding, pour, reader


def test_a_stream_is_heard_in_order(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})
    pour(*range(1, 46))

    handled = bus.run_until_idle()

    assert handled == 90
    assert notes(RED) == notes(BLUE) == list(range(1, 46))
    assert outstanding(RED) == outstanding(BLUE) == 0


def test_order_holds_across_types_of_event(hear: Connect) -> None:
    hear({Poured: [reader(RED)], Spilled: [reader(RED)]})
    with transaction.atomic():
        for n in range(1, 7):
            bus.publish(Poured(n=n) if n % 2 else Spilled(n=n), stream="cup:1")

    bus.run_until_idle()

    assert notes() == [1, 2, 3, 4, 5, 6]


def test_more_lanes_than_one_claim_takes_are_all_drained(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    for cup in range(120):
        pour(1, 2, cup=cup)

    assert bus.run_until_idle() == 240
    assert [notes(cup=cup) for cup in range(120)] == [[1, 2]] * 120


def test_a_small_backlog_is_heard_in_the_order_of_the_log(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    for n in range(1, 41):
        pour(n, cup=97 * n % 41)

    bus.run_until_idle()

    assert notes() == list(range(1, 41))


def test_a_failure_holds_up_its_own_lane_only(hear: Connect, wait: Callable[[float], None]) -> None:
    broken = [True]

    def break_on_two(event: Poured) -> None:
        if broken[0] and event.n == 2:
            raise RuntimeError("the spout is blocked")

    hear({Poured: [reader(RED, break_on_two), reader(BLUE)]})
    pour(1, 2, 3, cup=1)
    pour(4, 5, cup=2)

    bus.run_until_idle()

    assert notes(RED, cup=1) == [1]
    assert notes(RED, cup=2) == [4, 5]
    assert sorted(notes(BLUE)) == [1, 2, 3, 4, 5]

    broken[0] = False
    wait(300)
    bus.run_until_idle()
    assert notes(RED, cup=1) == [1, 2, 3]


def test_what_is_free_is_found_behind_any_number_of_stuck_lanes(hear: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    hear({Poured: [reader(RED)]})
    monkeypatch.setattr(claims, "WALK", 7)
    monkeypatch.setattr(claims, "LANES", 3)
    for cup in range(100, 140):
        pour(1, cup=cup)
    Delivery.objects.update(dead=True)
    for cup in range(200, 210):
        pour(1, 2, cup=cup)

    assert bus.run_until_idle() == 20
    assert [notes(cup=cup) for cup in range(200, 210)] == [[1, 2]] * 10


def test_a_timer_waits_for_its_instant_and_holds_nothing_up(hear: Connect, wait: Callable[[float], None]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    pour(2, at=datetime.now(UTC) + timedelta(minutes=15))
    pour(3)

    bus.run_until_idle()
    assert notes() == [1, 3]

    wait(14 * 60)
    bus.run_until_idle()
    assert notes() == [1, 3]

    wait(61)
    bus.run_until_idle()
    assert notes() == [1, 3, 2]


def test_a_stuck_lane_does_not_hold_up_its_timers(hear: Connect) -> None:
    def refuse_one(event: Poured) -> None:
        if event.n == 1:
            raise bus.Reject("never")

    hear({Poured: [reader(RED, refuse_one)]})
    pour(1)
    pour(2, at=datetime.now(UTC))

    bus.run_until_idle()

    assert notes() == [2]


def test_a_paused_context_waits_and_then_catches_up_in_order(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})
    subscriptions.pause(context=RED)
    pour(1, 2)
    pour(3, at=datetime.now(UTC))

    bus.run_until_idle()
    assert notes(RED) == []
    assert sorted(notes(BLUE)) == [1, 2, 3]

    subscriptions.resume(context=RED)
    bus.run_until_idle()
    assert sorted(notes(RED)) == [1, 2, 3]
    assert [n for n in notes(RED) if n != 3] == [1, 2]


def test_only_the_contexts_asked_for_are_drained(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})
    pour(1)

    assert bus.run_until_idle(contexts=[BLUE]) == 1

    assert (notes(RED), notes(BLUE)) == ([], [1])


@pytest.mark.postgresql
def test_an_event_that_commits_late_is_not_passed_over(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    written, overtaken = threading.Event(), threading.Event()

    def publish_slowly() -> None:
        try:
            with transaction.atomic():
                bus.publish(Poured(n=1), stream="cup:1")
                written.set()
                overtaken.wait(10)
        finally:
            connection.close()

    slow = threading.Thread(target=publish_slowly)
    slow.start()
    written.wait(10)
    pour(2, cup=2)
    bus.run_until_idle()
    assert notes() == [2]
    overtaken.set()
    slow.join(10)

    bus.run_until_idle()

    assert notes() == [2, 1]
    first, second = recorded([Poured])
    assert (first.event.n, second.event.n) == (1, 2)


@pytest.mark.postgresql
def test_three_workers_at_once_keep_order_and_do_nothing_twice(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})
    for cup in range(30):
        pour(*range(1, 11), cup=cup)
    failures: list[Exception] = []

    def work() -> None:
        try:
            while Delivery.objects.exists():
                bus.run_until_idle()
        except Exception as failure:
            failures.append(failure)
            raise
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)

    assert failures == []
    assert not Delivery.objects.exists()
    for context in (RED, BLUE):
        assert [notes(context, cup=cup) for cup in range(30)] == [list(range(1, 11))] * 30
