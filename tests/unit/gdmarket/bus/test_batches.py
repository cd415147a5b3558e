"""A batch handler takes many deliveries in one transaction; if that fails, each is handled alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, dispatch
from gdmarket.bus.claims import Claim
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.registry import Handler
from tests.unit.gdmarket.bus.conftest import Connect, work
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, Removed, add, handled, handler_of, outstanding, record

POISON = 13


def batch_handler(calls: list[list[int]]) -> Handler:
    """Return a batch handler that records every number and fails on one of them."""

    @bus.batch
    def on_all(events: Sequence[Added | Removed]) -> None:
        calls.append([event.n for event in events])
        for event in events:
            record(RED, event.n)
            if event.n == POISON:
                raise ValueError("poison")

    on_all.__module__ = f"apps.{RED}.handlers"
    return on_all


@pytest.fixture
def calls(connect: Connect) -> list[list[int]]:
    """Return the calls of the only handler, which takes batches."""
    calls: list[list[int]] = []
    connect({Added: [batch_handler(calls)]})
    return calls


@pytest.fixture(autouse=True)
def all_in_one_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "_FAST_PATH_SIZE", 10_000)


def claim_all() -> list[Claim]:
    """Claim every lane, however many wait, in the log's order."""
    return claims.claim_pending_lanes(lanes=sorted({(row.subscriber, row.lane) for row in Delivery.objects.all()}))


def test_deliveries_of_many_lanes_and_types_are_handled_together_each_lane_in_order(connect: Connect) -> None:
    calls: list[list[int]] = []
    handler = batch_handler(calls)
    connect({Added: [handler, handler_of(BLUE)], Removed: [handler]})
    add(1, 2, counter="a")
    add(3, counter="b")
    with transaction.atomic():
        bus.publish(Removed(n=4), stream="counter:a")

    assert bus.run_until_idle() == 7

    assert calls == [[1, 2, 3, 4]]
    assert handled() == [1, 2, 3, 4]
    assert handled(BLUE) == [1, 2, 3]
    assert outstanding() == 0


def test_no_more_than_a_hundred_share_a_transaction(calls: list[list[int]]) -> None:
    for counter in range(13):
        add(*range(counter * 100 + 20, counter * 100 + 30), counter=counter)

    work(claim_all())

    assert [len(call) for call in calls] == [100, 30]
    assert len(handled()) == 130


def test_a_batch_that_fails_is_rolled_back_and_halved_until_one_is_alone(calls: list[list[int]]) -> None:
    add(1, 2, counter="a")
    add(POISON, 4, counter="b")
    add(5, counter="c")

    work(claims.claim_lanes(subscriber=RED))

    assert calls == [[1, 2, POISON, 4, 5], [1, 2], [POISON, 4, 5], [POISON], [5]]
    assert handled() == [1, 2, 5]
    failed, behind = Delivery.objects.order_by("version")
    assert (failed.attempts, failed.error, failed.token) == (1, "ValueError: poison", None)
    assert (behind.attempts, behind.error, behind.token) == (0, "", None)


def test_what_is_behind_a_failure_waits_also_in_the_next_batch(calls: list[list[int]]) -> None:
    add(POISON, counter="blocked")
    for counter in range(10):
        add(*range(counter * 100 + 20, counter * 100 + 30), counter=counter)
    add(2000, counter="blocked")

    work(claim_all())

    assert len(handled()) == 100
    assert 2000 not in handled()
    assert [(row.version, row.attempts, row.token) for row in Delivery.objects.order_by("version")] == [(1, 1, None), (2, 0, None)]


def test_what_failed_before_is_handled_alone(calls: list[list[int]], pass_time: Callable[[float], None]) -> None:
    add(POISON, counter="a")
    bus.run_until_idle()
    pass_time(claims.LEASE_S + 1)
    add(1, counter="b")
    add(2, counter="c")
    calls.clear()

    work(claim_all())

    assert calls == [[POISON], [1, 2]]


def test_a_batch_that_takes_too_long_to_fail_is_not_retried_for_ever(calls: list[list[int]]) -> None:
    for n in (*range(20, 26), POISON):
        add(n, counter=n)

    rounds = 0
    while Delivery.objects.filter(attempts=0).exists():
        # However little time there is, each claim settles something.
        dispatch.work(claimed=claim_all(), keep_going=lambda: False)
        rounds += 1

    assert rounds <= 4
    assert sorted(handled()) == list(range(20, 26))
    assert [(row.lane, row.attempts) for row in Delivery.objects.all()] == [(f"counter:{POISON}", 1)]


def test_a_batch_handler_may_not_publish(connect: Connect) -> None:
    @bus.batch
    def on_added(events: Sequence[Added]) -> None:
        with transaction.atomic():
            bus.publish(Removed(n=1), stream="other:1")

    on_added.__module__ = f"apps.{RED}.handlers"
    connect({Added: [on_added], Removed: []})
    add(1)

    bus.run_until_idle()

    assert Delivery.objects.get().error.startswith("PublishedInBatchError: ")
    assert not Event.objects.filter(type="sample.Removed").exists()


def test_an_event_that_cannot_be_read_is_dead_alone(calls: list[list[int]]) -> None:
    add(1, counter="a")
    add(2, counter="b")
    unreadable = Delivery.objects.get(lane="counter:a").event
    type(unreadable).objects.filter(pk=unreadable.pk).update(payload={"odd": 1})

    bus.run_until_idle()

    assert handled() == [2]
    assert [row.lane for row in Delivery.objects.filter(dead=True)] == ["counter:a"]


def test_a_batch_that_lost_one_lease_handles_nothing_twice(calls: list[list[int]], pass_time: Callable[[float], None]) -> None:
    add(1, counter="a")
    stale = claims.claim_lanes(subscriber=RED)
    pass_time(claims.LEASE_S + 1)
    work(claims.claim_expired(subscriber=RED))
    add(2, counter="b")
    fresh = claims.claim_lanes(subscriber=RED)
    late = [*stale, *(replace(claim, token=stale[0].token) for claim in fresh)]

    assert work(late) == 0

    assert calls == [[1], [1, 2], [1], [2]]
    assert handled() == [1]
    assert outstanding() == 1


def test_a_worker_told_to_stop_releases_the_next_batch(calls: list[list[int]]) -> None:
    for counter in range(11):
        add(*range(counter * 100 + 20, counter * 100 + 30), counter=counter)

    assert dispatch.work(claimed=claim_all(), keep_going=lambda: False) == 100

    assert len(handled()) == 100
    assert [row.token for row in Delivery.objects.all()] == [None] * 10
