"""The fast path: events are handled right after the commit, and no failure reaches the publisher."""

import time
from contextlib import nullcontext
from typing import Any

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import fast_path, pending_lanes, subscriptions
from gdmarket.bus.models import Delivery, Event
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, Removed, add, handled, handler_of, outstanding


@pytest.fixture(autouse=True)
def _inline(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    settings.GDMARKET_DISPATCH_BUDGET_MS = 10_000


def wait_for_thread() -> None:
    worker = fast_path._background._worker
    assert worker is not None
    worker.join(30)
    assert not worker.is_alive()


def test_an_event_is_handled_right_after_the_commit(red_and_blue: None) -> None:
    add(1, 2)

    assert handled(RED) == handled(BLUE) == [1, 2]
    assert not Delivery.objects.exists()


def test_nothing_is_handled_before_the_outermost_commit(red: None) -> None:
    with transaction.atomic():
        add(1)
        assert handled() == []

    assert handled() == [1]


def test_nothing_of_a_rolled_back_transaction_is_handled(red: None) -> None:
    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        transaction.set_rollback(True)
    add(2, counter=2)

    assert handled() == [2]
    assert Event.objects.get().stream == "counter:2"


@pytest.mark.parametrize("is_deferred", [False, True])
def test_a_bulk_load_that_was_rolled_back_delays_nothing_that_comes_after_it(red: None, is_deferred: bool) -> None:
    with transaction.atomic():
        for counter in range(pending_lanes._MAX_LANES):
            bus.publish(Added(n=1), stream=f"counter:{counter}")
        transaction.set_rollback(True)
    with bus.defer_dispatch() if is_deferred else nullcontext():
        add(2, counter=1_000)

    assert handled() == [2]


def test_what_handlers_publish_is_handled_after_what_came_before(connect: Connect) -> None:
    seen: list[tuple[str, int]] = []

    def publish_more(event: Added) -> None:
        seen.append(("added", event.n))
        if event.n < 10:
            bus.publish(Added(n=event.n + 10), stream=f"counter:{event.n + 10}")

    connect({Added: [handler_of(RED, publish_more)]})

    with transaction.atomic():
        for n in (1, 2, 3):
            bus.publish(Added(n=n), stream=f"counter:{n}")

    assert seen == [("added", n) for n in (1, 2, 3, 11, 12, 13)]


def test_a_long_chain_of_consequences_does_not_deepen_the_stack(connect: Connect) -> None:
    def publish_more(event: Added) -> None:
        if event.n < 300:
            bus.publish(Added(n=event.n + 1), stream=f"counter:{event.n + 1}")

    connect({Added: [handler_of(RED, publish_more)]})

    add(1)

    assert handled() == list(range(1, 301))


def test_a_handler_s_failure_does_not_reach_the_publisher(connect: Connect) -> None:
    def fail(_: Added) -> None:
        raise RuntimeError

    connect({Added: [handler_of(RED, fail), handler_of(BLUE)]})

    add(1)

    assert handled(BLUE) == [1]
    assert Delivery.objects.values_list("subscriber", "attempts", "dead").get() == (RED, 1, False)


def test_what_exceeds_the_budget_is_left_to_the_relay(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH_BUDGET_MS = 1
    connect({Added: [handler_of(RED, lambda _: time.sleep(0.05))]})

    add(1, 2, 3)

    assert handled() == [1]
    assert bus.run_until_idle() == 2
    assert handled() == [1, 2, 3]


def test_a_timer_is_left_to_the_relay(red: None) -> None:
    add(1, at=Added(n=1).occurred_at)

    assert handled() == []
    assert bus.run_until_idle() == 1


def test_nothing_is_delivered_at_once_to_a_paused_context(red_and_blue: None) -> None:
    subscriptions.pause(context=RED)

    add(1)

    assert (handled(RED), handled(BLUE)) == ([], [1])


def test_an_event_behind_a_blocked_one_waits_for_it(connect: Connect) -> None:
    def reject_one(event: Added) -> None:
        if event.n == 1:
            raise bus.Reject("never")

    connect({Added: [handler_of(RED, reject_one)]})

    add(1)
    add(2)

    assert handled() == []
    assert outstanding() == 2


def test_switched_off_it_leaves_all_to_the_relay(red: None, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"

    add(1)

    assert handled() == []
    assert bus.run_until_idle() == 1


def test_the_fast_path_does_not_run_inside_a_relay_s_round(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"
    seen: list[object] = []

    def remove(event: Added) -> None:
        seen.append(event)
        bus.publish(Removed(n=event.n), stream="other:1")

    connect({Added: [handler_of(RED, remove)], Removed: [handler_of(RED, seen.append)]})
    add(1, 2)
    settings.GDMARKET_DISPATCH = "inline"

    bus.run_until_idle()

    assert seen == [Added(n=1), Added(n=2), Removed(n=1), Removed(n=2)]


def test_in_a_thread_it_does_not_make_the_publisher_wait(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "thread"
    connect({Added: [handler_of(RED), handler_of(BLUE)]})

    for n in range(1, 6):
        add(n)

    wait_for_thread()
    assert handled(RED) == handled(BLUE) == [1, 2, 3, 4, 5]


def test_in_a_thread_what_exceeds_a_batch_is_left_to_the_relay(connect: Connect, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GDMARKET_DISPATCH = "thread"
    monkeypatch.setattr(fast_path, "BACKGROUND_BUDGET_S", 0.001)
    connect({Added: [handler_of(RED, lambda _: time.sleep(0.05))]})

    add(1, 2, 3)

    wait_for_thread()
    assert handled() == [1]
    assert bus.run_until_idle() == 2


def test_a_deferred_dispatch_delivers_once_after_the_outermost_block(red: None, settings: Any) -> None:
    with bus.defer_dispatch():
        add(1)
        with bus.defer_dispatch():
            add(2)
        add(3, counter=2)
        assert handled() == []

    assert handled() == [1, 2, 3]
    add(4)
    assert handled() == [1, 2, 3, 4]


def test_a_deferred_dispatch_delivers_what_was_committed_before_an_error(red: None) -> None:
    @bus.defer_dispatch()
    def pour_and_fail() -> None:
        add(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        pour_and_fail()

    assert handled() == [1]


def test_a_deferred_dispatch_waits_for_a_transaction_that_is_still_open(red: None) -> None:
    with transaction.atomic():
        with bus.defer_dispatch():
            add(1)
        assert handled() == []

    assert handled() == [1]


def test_a_dispatch_deferred_by_a_handler_follows_in_its_turn(connect: Connect) -> None:
    seen: list[int] = []

    def publish_more(event: Added) -> None:
        seen.append(event.n)
        if event.n < 3:
            with bus.defer_dispatch():
                add(event.n + 2, counter=event.n + 2)

    connect({Added: [handler_of(RED, publish_more)]})

    with transaction.atomic():
        add(1, counter=1)
        add(2, counter=2)

    assert seen == [1, 2, 3, 4]


def test_a_delivery_by_hand_keeps_what_is_deferred(red_and_blue: None) -> None:
    with pending_lanes.suppress_dispatch():
        add(1, counter=1)
    with bus.defer_dispatch():
        add(2, counter=2)
        bus.run_until_idle(contexts=[RED])
        assert (handled(RED), handled(BLUE)) == ([1], [])

    assert (handled(RED), handled(BLUE)) == ([1, 2], [2])


def test_a_deferred_dispatch_in_a_thread_begins_after_the_block(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "thread"
    connect({Added: [handler_of(RED)]})

    with bus.defer_dispatch():
        add(1, 2)
        began_early = fast_path._background._worker is not None

    assert not began_early
    wait_for_thread()
    assert handled() == [1, 2]
