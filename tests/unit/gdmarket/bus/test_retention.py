"""`bus purge`: old events are deleted, except a stream's newest and those with an outstanding delivery."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from django.db.models.functions import Now

from gdmarket import bus
from gdmarket.bus import redelivery, retention
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.retention import Purged
from tests.unit.gdmarket.bus.conftest import Connect, Run, concurrently, start
from tests.unit.gdmarket.bus.sample import RED, Added, add, handled, handler_of, outstanding


@pytest.fixture
def old_log(connect: Connect) -> None:
    """Events of two counters, a year old, all handled."""
    connect({Added: [bus.idempotent(handler_of(RED))]})
    add(1, 2, 3)
    add(10, counter=2)
    bus.run_until_idle()
    Event.objects.update(occurred_at=Now() - timedelta(days=365))


def purge(*, keep_days: int = 30, chunk: int = 1000, dry_run: bool = False) -> Purged:
    done = [purged for _, purged in retention.purge(keep_days=keep_days, chunk=chunk, dry_run=dry_run)]
    return Purged(purged=sum(one.purged for one in done), kept=sum(one.kept for one in done))


def in_the_log() -> list[tuple[str, int]]:
    return list(Event.objects.order_by("seq").values_list("stream", "version"))


@pytest.mark.parametrize("chunk", ["1", "2", "1000"])
def test_all_but_the_newest_of_a_stream_are_deleted(old_log: None, run: Run, chunk: str) -> None:
    output = run("purge", "--keep-days", "30", "--chunk", chunk)

    assert output.startswith("2 events older than 30 days were deleted; 2 as old were kept, ")
    assert in_the_log() == [("counter:1", 3), ("counter:2", 1)]
    assert run("purge", "--keep-days", "30").startswith("0 events older than 30 days were deleted; 2 as old")


def test_publishing_after_a_purge_goes_on_with_the_next_version(old_log: None) -> None:
    purge()

    add(4)
    add(20, counter=2)
    bus.run_until_idle()

    assert in_the_log() == [("counter:1", 3), ("counter:2", 1), ("counter:1", 4), ("counter:2", 2)]
    assert handled() == [1, 2, 3, 10, 4, 20]


def test_a_young_event_is_kept(old_log: None) -> None:
    Event.objects.filter(payload__n=2).update(occurred_at=Now() - timedelta(days=29, hours=23))

    assert purge() == Purged(purged=1, kept=2)

    assert in_the_log() == [("counter:1", 2), ("counter:1", 3), ("counter:2", 1)]


@pytest.mark.parametrize("state", ["due", "dead", "timer"])
def test_an_event_with_an_outstanding_delivery_is_kept(old_log: None, state: str) -> None:
    add(4, at=datetime.now(UTC) + timedelta(days=1) if state == "timer" else None)
    add(5)
    bus.run_until_idle() if state == "timer" else Delivery.objects.filter(event__payload__n=5).delete()
    Delivery.objects.update(dead=state == "dead")
    Event.objects.update(occurred_at=Now() - timedelta(days=365))

    assert purge() == Purged(purged=3, kept=3)

    assert in_the_log() == [("counter:2", 1), ("counter:1", 4), ("counter:1", 5)]
    assert outstanding() == 1


def test_a_dry_run_only_counts(old_log: None, run: Run) -> None:
    assert run("purge", "--keep-days", "30", "--dry-run").startswith("2 events older than 30 days would be deleted; 2 as old would be kept")
    assert len(in_the_log()) == 4


@pytest.mark.parametrize(("keep_days", "chunk"), [(0, 1000), (-1, 1000), (30, 0)])
def test_less_than_a_day_is_refused(old_log: None, keep_days: int, chunk: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        purge(keep_days=keep_days, chunk=chunk)
    assert len(in_the_log()) == 4


def test_several_purges_at_once_delete_each_event_once(old_log: None) -> None:
    for counter in range(3, 30):
        add(1, 2, 3, counter=counter)
    bus.run_until_idle()
    Event.objects.update(occurred_at=Now() - timedelta(days=365))

    done = concurrently(lambda: purge(chunk=10))

    assert sum(one.purged for one in done) == 56
    assert len(in_the_log()) == 29
    assert purge() == Purged(purged=0, kept=29)


def test_a_purge_beside_a_replay_loses_nothing(old_log: None) -> None:
    for counter in range(3, 30):
        add(1, 2, 3, counter=counter)
    bus.run_until_idle()
    Event.objects.update(occurred_at=Now() - timedelta(days=365))
    turns = iter(["purge", "replay", "purge", "replay"])
    lock = threading.Lock()

    def work() -> None:
        with lock:
            turn = next(turns)
        if turn == "purge":
            purge(chunk=10)
        else:
            list(redelivery.redeliver(subscriber=RED))

    concurrently(work, times=4)

    assert outstanding() >= 29
    assert set(Delivery.objects.values_list("event__seq", flat=True)) <= set(Event.objects.values_list("seq", flat=True))
    assert bus.run_until_idle() >= 29


@pytest.mark.postgresql
def test_a_purge_waits_for_a_replay_and_keeps_its_events(old_log: None) -> None:
    with transaction.atomic():
        list(redelivery.redeliver(subscriber=RED, stream="counter:1"))
        purging = start(purge)
        with pytest.raises(TimeoutError):
            purging.result(0.5)

    assert purging.result(30) == Purged(purged=0, kept=4)
    assert outstanding() == 3
