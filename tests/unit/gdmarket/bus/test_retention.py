"""Old events are forgotten, but never a stream's newest and never what somebody has still to handle."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now

from gdmarket import bus
from gdmarket.bus import redelivery, retention
from gdmarket.bus.models import Delivery, Event
from gdmarket.bus.retention import Purged
from tests.unit.gdmarket.bus.conftest import Connect, Run, all_at_once
from tests.unit.gdmarket.bus.kitchen import RED, Poured, notes, outstanding, pour, reader


@pytest.fixture
def old_log(hear: Connect) -> None:
    """Three pourings in one cup and one in another, a year ago, all heard."""
    hear({Poured: [bus.idempotent(reader(RED))]})
    pour(1, 2, 3)
    pour(10, cup=2)
    bus.run_until_idle()
    Event.objects.update(occurred_at=Now() - timedelta(days=365))


def purge(*, keep_days: int = 30, chunk: int = 1000, dry_run: bool = False) -> Purged:
    done = [purged for _, purged in retention.purge(keep_days=keep_days, chunk=chunk, dry_run=dry_run)]
    return Purged(purged=sum(one.purged for one in done), kept=sum(one.kept for one in done))


def in_the_log() -> list[tuple[str, int]]:
    return list(Event.objects.order_by("seq").values_list("stream", "version"))


@pytest.mark.parametrize("chunk", ["1", "2", "1000"])
def test_all_but_the_newest_of_a_stream_are_forgotten(old_log: None, run: Run, chunk: str) -> None:
    told = run("purge", "--keep-days", "30", "--chunk", chunk)

    assert told.startswith("2 events older than 30 days were deleted; 2 as old were kept, ")
    assert in_the_log() == [("cup:1", 3), ("cup:2", 1)]
    assert run("purge", "--keep-days", "30").startswith("0 events older than 30 days were deleted; 2 as old")


def test_publishing_after_a_purge_goes_on_with_the_next_version(old_log: None) -> None:
    purge()

    pour(4)
    pour(20, cup=2)
    bus.run_until_idle()

    assert in_the_log() == [("cup:1", 3), ("cup:2", 1), ("cup:1", 4), ("cup:2", 2)]
    assert notes() == [1, 2, 3, 10, 4, 20]


def test_what_is_young_is_kept(old_log: None) -> None:
    Event.objects.filter(payload__n=2).update(occurred_at=Now() - timedelta(days=29, hours=23))

    assert purge() == Purged(purged=1, kept=2)

    assert in_the_log() == [("cup:1", 2), ("cup:1", 3), ("cup:2", 1)]


@pytest.mark.parametrize("state", ["due", "dead", "timer"])
def test_what_somebody_has_still_to_handle_is_kept(old_log: None, state: str) -> None:
    pour(4, at=datetime.now(UTC) + timedelta(days=1) if state == "timer" else None)
    pour(5)
    bus.run_until_idle() if state == "timer" else Delivery.objects.filter(event__payload__n=5).delete()
    Delivery.objects.update(dead=state == "dead")
    Event.objects.update(occurred_at=Now() - timedelta(days=365))

    assert purge() == Purged(purged=3, kept=3)

    assert in_the_log() == [("cup:2", 1), ("cup:1", 4), ("cup:1", 5)]
    assert outstanding() == 1


def test_what_would_be_forgotten_is_only_counted(old_log: None, run: Run) -> None:
    assert run("purge", "--keep-days", "30", "--dry-run").startswith("2 events older than 30 days would be deleted; 2 as old would be kept")
    assert len(in_the_log()) == 4


@pytest.mark.parametrize(("keep_days", "chunk"), [(0, 1000), (-1, 1000), (30, 0)])
def test_not_even_a_day_is_refused(old_log: None, keep_days: int, chunk: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        purge(keep_days=keep_days, chunk=chunk)
    assert len(in_the_log()) == 4


def test_several_at_once_forget_each_once(old_log: None) -> None:
    for cup in range(3, 30):
        pour(1, 2, 3, cup=cup)
    bus.run_until_idle()
    Event.objects.update(occurred_at=Now() - timedelta(days=365))

    done = all_at_once(lambda: purge(chunk=10))

    assert sum(one.purged for one in done) == 56
    assert len(in_the_log()) == 29
    assert purge() == Purged(purged=0, kept=29)


def test_beside_old_events_delivered_anew_nothing_is_lost(old_log: None) -> None:
    for cup in range(3, 30):
        pour(1, 2, 3, cup=cup)
    bus.run_until_idle()
    Event.objects.update(occurred_at=Now() - timedelta(days=365))
    turns = iter(["purge", "replay", "purge", "replay"])
    door = threading.Lock()

    def work() -> None:
        with door:
            turn = next(turns)
        if turn == "purge":
            purge(chunk=10)
        else:
            list(redelivery.redeliver(subscriber=RED))

    all_at_once(work, times=4)

    assert outstanding() >= 29
    assert set(Delivery.objects.values_list("event__seq", flat=True)) <= set(Event.objects.values_list("seq", flat=True))
    assert bus.run_until_idle() >= 29


@pytest.mark.postgresql
def test_an_event_that_is_just_delivered_anew_is_waited_for_and_kept(old_log: None) -> None:
    done: list[Purged] = []

    def forget() -> None:
        try:
            done.append(purge())
        finally:
            connection.close()

    forgetting = threading.Thread(target=forget)
    with transaction.atomic():
        list(redelivery.redeliver(subscriber=RED, stream="cup:1"))
        forgetting.start()
        forgetting.join(0.5)
        assert done == []
    forgetting.join(30)

    assert done == [Purged(purged=0, kept=4)]
    assert outstanding() == 3
