"""What was published is heard at once after the commit: as a courtesy, never at the publisher's cost."""

import time
from typing import Any

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import fast_path, subscriptions
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, Spilled, notes, outstanding, pour, reader


@pytest.fixture(autouse=True)
def _inline(hear: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    settings.GDMARKET_DISPATCH_BUDGET_MS = 10_000


def test_an_event_is_heard_right_after_the_commit(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})

    pour(1, 2)

    assert notes(RED) == notes(BLUE) == [1, 2]
    assert not Delivery.objects.exists()


def test_nothing_is_heard_before_the_outermost_commit(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    with transaction.atomic():
        pour(1)
        assert notes() == []

    assert notes() == [1]


def test_nothing_of_a_rolled_back_transaction_is_heard(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    with transaction.atomic():
        bus.publish(Poured(n=1), stream="cup:1")
        transaction.set_rollback(True)
    pour(2, cup=2)

    assert notes() == [2]


def test_what_handlers_publish_is_heard_after_what_came_before_it(hear: Connect) -> None:
    heard: list[tuple[str, int]] = []

    def tell_on(event: Poured) -> None:
        heard.append(("poured", event.n))
        if event.n < 10:
            bus.publish(Poured(n=event.n + 10), stream=f"cup:{event.n + 10}")

    hear({Poured: [reader(RED, tell_on)]})

    with transaction.atomic():
        for n in (1, 2, 3):
            bus.publish(Poured(n=n), stream=f"cup:{n}")

    assert heard == [("poured", n) for n in (1, 2, 3, 11, 12, 13)]


def test_a_long_chain_of_consequences_does_not_deepen_the_stack(hear: Connect) -> None:
    def tell_on(event: Poured) -> None:
        if event.n < 300:
            bus.publish(Poured(n=event.n + 1), stream=f"cup:{event.n + 1}")

    hear({Poured: [reader(RED, tell_on)]})

    pour(1)

    assert notes() == list(range(1, 301))


def test_a_handler_s_failure_does_not_reach_the_publisher(hear: Connect) -> None:
    def fail(_: Poured) -> None:
        raise RuntimeError

    hear({Poured: [reader(RED, fail), reader(BLUE)]})

    pour(1)

    assert notes(BLUE) == [1]
    assert Delivery.objects.values_list("subscriber", "attempts", "dead").get() == (RED, 1, False)


def test_what_exceeds_the_budget_is_left_to_the_relay(hear: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH_BUDGET_MS = 1
    hear({Poured: [reader(RED, lambda _: time.sleep(0.05))]})

    pour(1, 2, 3)

    assert notes() == [1]
    assert bus.run_until_idle() == 2
    assert notes() == [1, 2, 3]


def test_a_timer_is_left_to_the_relay(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    pour(1, at=Poured(n=1).occurred_at)

    assert notes() == []
    assert bus.run_until_idle() == 1


def test_a_paused_context_hears_nothing_at_once(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})
    subscriptions.pause(context=RED)

    pour(1)

    assert (notes(RED), notes(BLUE)) == ([], [1])


def test_an_event_behind_a_stuck_one_waits_for_it(hear: Connect) -> None:
    def reject_one(event: Poured) -> None:
        if event.n == 1:
            raise bus.Reject("never")

    hear({Poured: [reader(RED, reject_one)]})

    pour(1)
    pour(2)

    assert notes() == []
    assert outstanding() == 2


def test_switched_off_it_leaves_all_to_the_relay(hear: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"
    hear({Poured: [reader(RED)]})

    pour(1)

    assert notes() == []
    assert bus.run_until_idle() == 1


def test_the_relay_s_rounds_do_not_deliver_out_of_turn(hear: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"
    heard: list[object] = []

    def spill(event: Poured) -> None:
        heard.append(event)
        bus.publish(Spilled(n=event.n), stream="floor:1")

    hear({Poured: [reader(RED, spill)], Spilled: [reader(RED, heard.append)]})
    pour(1, 2)
    settings.GDMARKET_DISPATCH = "inline"

    bus.run_until_idle()

    assert heard == [Poured(n=1), Poured(n=2), Spilled(n=1), Spilled(n=2)]


def test_in_a_thread_it_does_not_make_the_publisher_wait(hear: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "thread"
    hear({Poured: [reader(RED), reader(BLUE)]})

    for n in range(1, 6):
        pour(n)

    worker = fast_path._background._worker
    assert worker is not None
    worker.join(30)
    assert not worker.is_alive()
    assert notes(RED) == notes(BLUE) == [1, 2, 3, 4, 5]


def test_in_a_thread_what_exceeds_a_batch_is_left_to_the_relay(hear: Connect, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.GDMARKET_DISPATCH = "thread"
    monkeypatch.setattr(fast_path, "BACKGROUND_BUDGET_S", 0.001)
    hear({Poured: [reader(RED, lambda _: time.sleep(0.05))]})

    pour(1, 2, 3)

    worker = fast_path._background._worker
    assert worker is not None
    worker.join(30)
    assert notes() == [1]
    assert bus.run_until_idle() == 2


def test_a_deferred_dispatch_delivers_once_after_the_outermost_block(hear: Connect, settings: Any) -> None:
    hear({Poured: [reader(RED)]})

    with bus.defer_dispatch():
        pour(1)
        with bus.defer_dispatch():
            pour(2)
        pour(3, cup=2)
        assert notes() == []

    assert notes() == [1, 2, 3]
    pour(4)
    assert notes() == [1, 2, 3, 4]


def test_a_deferred_dispatch_delivers_what_was_committed_before_an_error(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    @bus.defer_dispatch()
    def pour_and_fail() -> None:
        pour(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        pour_and_fail()

    assert notes() == [1]


def test_a_deferred_dispatch_waits_for_a_transaction_that_is_still_open(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    with transaction.atomic():
        with bus.defer_dispatch():
            pour(1)
        assert notes() == []

    assert notes() == [1]


def test_a_dispatch_deferred_by_a_handler_follows_in_its_turn(hear: Connect) -> None:
    heard: list[int] = []

    def publish_more(event: Poured) -> None:
        heard.append(event.n)
        if event.n < 3:
            with bus.defer_dispatch():
                pour(event.n + 2, cup=event.n + 2)

    hear({Poured: [reader(RED, publish_more)]})

    with transaction.atomic():
        pour(1, cup=1)
        pour(2, cup=2)

    assert heard == [1, 2, 3, 4]


def test_a_delivery_by_hand_keeps_what_is_deferred(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})

    with bus.defer_dispatch():
        pour(1)
        bus.run_until_idle(contexts=[RED])
        assert (notes(RED), notes(BLUE)) == ([1], [])

    assert notes(BLUE) == [1]


def test_a_deferred_dispatch_in_a_thread_begins_after_the_block(hear: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "thread"
    hear({Poured: [reader(RED)]})

    with bus.defer_dispatch():
        pour(1, 2)
        began_early = fast_path._background._worker is not None

    assert not began_early
    worker = fast_path._background._worker
    assert worker is not None
    worker.join(30)
    assert notes() == [1, 2]
