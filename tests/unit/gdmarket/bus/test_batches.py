"""A batch handler takes many deliveries in one transaction, and where that fails, each alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, dispatch
from gdmarket.bus.claims import Claim
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.registry import Handler
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, Spilled, notes, outstanding, pour, reader, write_down

POISON = 13


def taker(calls: list[list[int]]) -> Handler:
    """Return a batch handler that writes down every number, and cannot stomach one of them."""

    @bus.batch
    def on_all(events: Sequence[Poured | Spilled]) -> None:
        calls.append([event.n for event in events])
        for event in events:
            write_down(RED, event.n)
            if event.n == POISON:
                raise ValueError("poison")

    on_all.__module__ = f"apps.{RED}.handlers"
    return on_all


@pytest.fixture(autouse=True)
def all_in_one_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_FAST_PATH_SIZE", 10_000)


def always() -> bool:
    return True


def claim_all() -> list[Claim]:
    """Claim every lane, however many wait, in the log's order."""
    return claims.claim_pending_lanes(lanes=sorted({(row.subscriber, row.lane) for row in Delivery.objects.all()}))


def test_deliveries_of_many_lanes_and_types_are_handled_together_each_lane_in_order(hear: Connect) -> None:
    calls: list[list[int]] = []
    take = taker(calls)
    hear({Poured: [take], Spilled: [take]})
    pour(1, 2, cup="a")
    pour(3, cup="b")
    with transaction.atomic():
        bus.publish(Spilled(n=4), stream="cup:a")

    assert bus.run_until_idle() == 4

    assert calls == [[1, 2, 3, 4]]
    assert notes() == [1, 2, 3, 4]
    assert outstanding() == 0


def test_other_handlers_take_one_at_a_time(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls), reader(BLUE)]})
    pour(1, 2)

    bus.run_until_idle()

    assert (calls, notes(BLUE)) == ([[1, 2]], [1, 2])


def test_no_more_than_a_hundred_share_a_transaction(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    for cup in range(13):
        pour(*range(cup * 100 + 20, cup * 100 + 30), cup=cup)

    dispatch.work(claimed=claim_all(), keep_going=always)

    assert [len(call) for call in calls] == [100, 30]
    assert len(notes()) == 130


def test_where_one_fails_nothing_of_the_batch_stands_and_halves_find_the_one(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    pour(1, 2, cup="a")
    pour(POISON, 4, cup="b")
    pour(5, cup="c")

    dispatch.work(claimed=claims.claim_lanes(subscriber=RED), keep_going=always)

    assert calls == [[1, 2, POISON, 4, 5], [1, 2], [POISON, 4, 5], [POISON], [5]]
    assert notes() == [1, 2, 5]
    failed, behind = Delivery.objects.order_by("version")
    assert (failed.attempts, failed.error, failed.token) == (1, "ValueError: poison", None)
    assert (behind.attempts, behind.error, behind.token) == (0, "", None)


def test_what_stands_behind_a_failure_waits_also_in_the_next_batch(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    pour(POISON, cup="stuck")
    for cup in range(10):
        pour(*range(cup * 100 + 20, cup * 100 + 30), cup=cup)
    pour(2000, cup="stuck")

    dispatch.work(claimed=claim_all(), keep_going=always)

    assert len(notes()) == 100
    assert 2000 not in notes()
    assert [(row.version, row.attempts, row.token) for row in Delivery.objects.order_by("version")] == [(1, 1, None), (2, 0, None)]


def test_what_failed_before_is_handled_alone(hear: Connect, wait: Callable[[float], None]) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    pour(POISON, cup="a")
    bus.run_until_idle()
    wait(claims.LEASE_S)
    pour(1, cup="b")
    pour(2, cup="c")
    calls.clear()

    dispatch.work(claimed=claim_all(), keep_going=always)

    assert calls == [[POISON], [1, 2]]


def test_a_batch_that_takes_too_long_to_fail_is_not_tried_for_ever(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    for n in (*range(20, 26), POISON):
        pour(n, cup=n)

    rounds = 0
    while Delivery.objects.filter(attempts=0).exists():
        # However little time there is, a round settles something.
        dispatch.work(claimed=claim_all(), keep_going=lambda: False)
        rounds += 1

    assert rounds <= 4
    assert sorted(notes()) == list(range(20, 26))
    assert [(row.lane, row.attempts) for row in Delivery.objects.all()] == [(f"cup:{POISON}", 1)]


def test_a_batch_handler_may_not_publish(hear: Connect) -> None:
    @bus.batch
    def on_poured(events: Sequence[Poured]) -> None:
        with transaction.atomic():
            bus.publish(Spilled(n=1), stream="floor:1")

    on_poured.__module__ = f"apps.{RED}.handlers"
    hear({Poured: [on_poured], Spilled: []})
    pour(1)

    bus.run_until_idle()

    assert Delivery.objects.get().error.startswith("PublishedInBatchError: ")
    assert not Event.objects.filter(type="kitchen.Spilled").exists()


def test_an_event_that_cannot_be_read_is_dead_alone(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    pour(1, cup="a")
    pour(2, cup="b")
    unreadable = Delivery.objects.get(lane="cup:a").event
    type(unreadable).objects.filter(pk=unreadable.pk).update(payload={"odd": 1})

    bus.run_until_idle()

    assert notes() == [2]
    assert [row.lane for row in Delivery.objects.filter(dead=True)] == ["cup:a"]


def test_a_batch_of_which_one_lease_was_lost_does_nothing_twice(hear: Connect, wait: Callable[[float], None]) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    pour(1, cup="a")
    asleep = claims.claim_lanes(subscriber=RED)
    wait(claims.LEASE_S)
    dispatch.work(claimed=claims.claim_expired(subscriber=RED), keep_going=always)
    pour(2, cup="b")
    awake = claims.claim_lanes(subscriber=RED)
    late = [*asleep, *(replace(claim, token=asleep[0].token) for claim in awake)]

    assert dispatch.work(claimed=late, keep_going=always) == 0

    assert calls == [[1], [1, 2], [1], [2]]
    assert notes() == [1]
    assert outstanding() == 1


def test_a_worker_told_to_stop_gives_the_next_batch_back(hear: Connect) -> None:
    calls: list[list[int]] = []
    hear({Poured: [taker(calls)]})
    for cup in range(11):
        pour(*range(cup * 100 + 20, cup * 100 + 30), cup=cup)

    assert dispatch.work(claimed=claim_all(), keep_going=lambda: False) == 100

    assert len(notes()) == 100
    assert [row.token for row in Delivery.objects.all()] == [None] * 10
