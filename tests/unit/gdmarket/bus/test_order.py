"""Each subscriber handles a stream's events in order, each once; a failure blocks its own lane only."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, subscriptions
from gdmarket.bus.models import Delivery
from tests.log import recorded
from tests.unit.gdmarket.bus.conftest import Connect, concurrently, start
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, Removed, add, handled, handler_of, outstanding


def test_a_stream_is_handled_in_order(red_and_blue: None) -> None:
    add(*range(1, 46))

    assert bus.run_until_idle() == 90
    assert handled(RED) == handled(BLUE) == list(range(1, 46))
    assert outstanding(RED) == outstanding(BLUE) == 0


def test_order_holds_across_types_of_event(connect: Connect) -> None:
    connect({Added: [handler_of(RED)], Removed: [handler_of(RED)]})
    with transaction.atomic():
        for n in range(1, 7):
            bus.publish(Added(n=n) if n % 2 else Removed(n=n), stream="counter:1")

    bus.run_until_idle()

    assert handled() == [1, 2, 3, 4, 5, 6]


def test_more_lanes_than_one_claim_takes_are_all_drained(red: None) -> None:
    for counter in range(120):
        add(1, 2, counter=counter)

    assert bus.run_until_idle() == 240
    assert [handled(counter=counter) for counter in range(120)] == [[1, 2]] * 120


def test_a_small_backlog_is_handled_in_the_order_of_the_log(red: None) -> None:
    for n in range(1, 41):
        add(n, counter=97 * n % 41)

    bus.run_until_idle()

    assert handled() == list(range(1, 41))


def test_a_failure_blocks_its_own_lane_only(connect: Connect, pass_time: Callable[[float], None]) -> None:
    broken = [True]

    def break_on_two(event: Added) -> None:
        if broken[0] and event.n == 2:
            raise RuntimeError("broken")

    connect({Added: [handler_of(RED, break_on_two), handler_of(BLUE)]})
    add(1, 2, 3, counter=1)
    add(4, 5, counter=2)

    bus.run_until_idle()

    assert handled(RED, counter=1) == [1]
    assert handled(RED, counter=2) == [4, 5]
    assert sorted(handled(BLUE)) == [1, 2, 3, 4, 5]

    broken[0] = False
    pass_time(300)
    bus.run_until_idle()
    assert handled(RED, counter=1) == [1, 2, 3]


def test_free_lanes_are_found_behind_any_number_of_blocked_ones(red: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "WALK", 7)
    monkeypatch.setattr(claims, "LANES", 3)
    for counter in range(100, 140):
        add(1, counter=counter)
    Delivery.objects.update(dead=True)
    for counter in range(200, 210):
        add(1, 2, counter=counter)

    assert bus.run_until_idle() == 20
    assert [handled(counter=counter) for counter in range(200, 210)] == [[1, 2]] * 10


def test_a_timer_waits_for_its_instant_and_blocks_nothing(red: None, pass_time: Callable[[float], None]) -> None:
    add(1)
    add(2, at=datetime.now(UTC) + timedelta(minutes=15))
    add(3)

    bus.run_until_idle()
    assert handled() == [1, 3]

    pass_time(14 * 60)
    bus.run_until_idle()
    assert handled() == [1, 3]

    pass_time(61)
    bus.run_until_idle()
    assert handled() == [1, 3, 2]


def test_a_blocked_lane_does_not_block_its_timers(connect: Connect) -> None:
    def refuse_one(event: Added) -> None:
        if event.n == 1:
            raise bus.Reject("never")

    connect({Added: [handler_of(RED, refuse_one)]})
    add(1)
    add(2, at=datetime.now(UTC))

    bus.run_until_idle()

    assert handled() == [2]


def test_a_paused_context_waits_and_then_catches_up_in_order(red_and_blue: None) -> None:
    subscriptions.pause(context=RED)
    add(1, 2)
    add(3, at=datetime.now(UTC))

    bus.run_until_idle()
    assert handled(RED) == []
    assert sorted(handled(BLUE)) == [1, 2, 3]

    subscriptions.resume(context=RED)
    bus.run_until_idle()
    assert sorted(handled(RED)) == [1, 2, 3]
    assert [n for n in handled(RED) if n != 3] == [1, 2]


def test_only_the_given_contexts_are_drained(red_and_blue: None) -> None:
    add(1)

    assert bus.run_until_idle(contexts=[BLUE]) == 1

    assert (handled(RED), handled(BLUE)) == ([], [1])


@pytest.mark.postgresql
def test_an_event_that_commits_late_is_not_skipped(red: None) -> None:
    written, overtaken = threading.Event(), threading.Event()

    def publish_slowly() -> None:
        with transaction.atomic():
            bus.publish(Added(n=1), stream="counter:1")
            written.set()
            overtaken.wait(10)

    slow = start(publish_slowly)
    written.wait(10)
    add(2, counter=2)
    bus.run_until_idle()
    assert handled() == [2]
    overtaken.set()
    slow.result(10)

    bus.run_until_idle()

    assert handled() == [2, 1]
    first, second = recorded([Added])
    assert (first.event.n, second.event.n) == (1, 2)


@pytest.mark.postgresql
def test_three_workers_at_once_keep_the_order_and_handle_nothing_twice(red_and_blue: None) -> None:
    for counter in range(30):
        add(*range(1, 11), counter=counter)

    def work() -> None:
        while Delivery.objects.exists():
            bus.run_until_idle()

    concurrently(work)

    assert not Delivery.objects.exists()
    for context in (RED, BLUE):
        assert [handled(context, counter=counter) for counter in range(30)] == [list(range(1, 11))] * 30
