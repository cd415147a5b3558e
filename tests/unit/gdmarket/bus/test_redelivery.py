"""Old events are delivered anew: only to who can bear it, in order, and never twice for one word of the operator."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, dispatch, log_ranges, redelivery
from gdmarket.bus.errors import NotIdempotentError
from gdmarket.bus.models import Delivery, Event
from tests.unit.gdmarket.bus.conftest import Connect, Run, all_at_once
from tests.unit.gdmarket.bus.kitchen import BLUE, MIDNIGHT, RED, Poured, Spilled, notes, outstanding, pour, reader


@pytest.fixture
def told(hear: Connect) -> None:
    """Red and blue have heard three pourings in one cup and two in another; red alone bears old news."""
    hear({Poured: [bus.idempotent(reader(RED)), reader(BLUE)], Spilled: [reader(RED)]})
    pour(1, 2, 3)
    pour(10, 20, cup=2)
    bus.run_until_idle()


def redeliver(*, stream: str | None = None) -> int:
    return sum(count for _, count in redelivery.redeliver(subscriber=RED, stream=stream))


def test_all_old_events_are_heard_again_in_order(told: None, run: Run) -> None:
    assert run("replay", RED, "--all") == "5 old events will be delivered to red again\n"
    assert run("replay", RED, "--all") == "0 old events will be delivered to red again\n"

    assert bus.run_until_idle() == 5
    assert notes(cup=1) == [1, 2, 3, 1, 2, 3]
    assert notes(cup=2) == [10, 20, 10, 20]
    assert outstanding(BLUE) == 0


def test_a_dead_delivery_parks_what_stands_behind_it_also_when_an_old_event_comes_before_it(hear: Connect) -> None:
    refused = [2]

    def refuse(event: Poured) -> None:
        if event.n in refused:
            raise bus.Reject("no")

    hear({Poured: [bus.idempotent(reader(RED, refuse))]})
    pour(1, 2, 3, 4)
    bus.run_until_idle()
    assert notes() == [1]
    # Mended; but it is for the operator to say so.
    refused.clear()

    assert redeliver(stream="cup:1") == 1
    bus.run_until_idle()

    assert notes() == [1, 1]
    assert [(row.version, row.dead, row.token) for row in Delivery.objects.order_by("version")] == [
        (2, True, None),
        (3, False, None),
        (4, False, None),
    ]


def test_what_a_live_worker_has_in_hand_is_not_taken_with_an_old_event_before_it(told: None) -> None:
    pour(4, 5)
    in_hand = claims.claim_lanes(subscriber=RED)
    redeliver(stream="cup:1")

    bus.run_until_idle()
    assert notes(cup=1) == [1, 2, 3, 1, 2, 3]

    assert dispatch.work(claimed=in_hand, keep_going=lambda: True) == 2
    assert notes(cup=1)[-2:] == [4, 5]


def test_one_stream_is_heard_again(told: None, run: Run) -> None:
    assert run("replay", RED, "--stream", "cup:2") == "2 old events will be delivered to red again\n"

    bus.run_until_idle()
    assert notes(cup=1) == [1, 2, 3]
    assert notes(cup=2) == [10, 20, 10, 20]


def test_a_stream_that_is_none_has_nothing_to_tell(told: None, run: Run) -> None:
    assert run("replay", RED, "--stream", "cup:77") == "0 old events will be delivered to red again\n"


def test_events_since_an_instant_are_heard_again(told: None, run: Run) -> None:
    Event.objects.filter(payload__n=3).update(occurred_at=MIDNIGHT + timedelta(hours=1))
    Event.objects.filter(payload__n=20).update(occurred_at=MIDNIGHT + timedelta(hours=2))

    assert run("replay", RED, "--since", "2026-01-01T10:00:00+09:00", "--dry-run").startswith("2 old events would")
    assert run("replay", RED, "--since", "2026-01-01T01:00:00Z", "--stream", "cup:2").startswith("1 old events will")
    assert run("replay", RED, "--since", "2026-01-01T01:00:00Z").startswith("1 old events will")

    bus.run_until_idle()
    assert notes() == [1, 2, 3, 10, 20, 3, 20]


def test_what_would_be_delivered_is_only_counted(told: None, run: Run) -> None:
    redeliver(stream="cup:2")

    assert run("replay", RED, "--all", "--dry-run") == "3 old events would be delivered to red again\n"

    assert outstanding() == 2


def test_timers_do_not_go_off_again(told: None) -> None:
    pour(4, at=datetime.now(UTC) - timedelta(minutes=1))
    bus.run_until_idle()

    assert redeliver() == 5


def test_what_a_handler_hears_that_is_not_marked_is_left_out(told: None) -> None:
    with transaction.atomic():
        bus.publish(Spilled(n=1), stream="cup:1")
    bus.run_until_idle()

    assert redeliver() == 5
    assert set(Delivery.objects.values_list("event__type", flat=True)) == {"kitchen.Poured"}


def test_who_bears_no_old_news_is_refused(told: None, run: Run) -> None:
    with pytest.raises(CommandError, match=r"No handler of blue is marked `@bus.idempotent`") as refusal:
        run("replay", BLUE, "--all")
    assert refusal.value.returncode == 1
    with pytest.raises(NotIdempotentError) as refused:
        redelivery.redeliver(subscriber=BLUE)
    assert refused.value.code == "not_idempotent"
    with pytest.raises(CommandError, match='No context called "green"'):
        run("replay", "green", "--all")
    assert not Delivery.objects.exists()


def test_what_is_outstanding_is_not_doubled(told: None) -> None:
    pour(4)

    assert redeliver() == 5

    bus.run_until_idle()
    assert notes(cup=1) == [1, 2, 3, 1, 2, 3, 4]


def test_new_events_in_somebody_s_hands_keep_their_order_and_take_effect_once(told: None) -> None:
    pour(4, 5)
    in_hand = claims.claim_lanes(subscriber=RED)
    redeliver(stream="cup:1")
    bus.run_until_idle()

    dispatch.work(claimed=in_hand, keep_going=lambda: True)
    bus.run_until_idle()

    heard = notes(cup=1)
    assert [n for n in heard if n > 3] == [4, 5]
    assert heard[:3] == [1, 2, 3]
    assert [n for n in heard[3:] if n < 4] == [1, 2, 3]


def test_several_at_once_add_each_once(told: None) -> None:
    for cup in range(3, 30):
        pour(1, 2, cup=cup)
    bus.run_until_idle()

    assert sum(all_at_once(redeliver)) == 59

    assert bus.run_until_idle() == 59
    assert outstanding() == 0


def test_it_goes_beside_live_deliveries(told: None) -> None:
    for cup in range(3, 30):
        pour(1, 2, cup=cup)

    redeliver()
    all_at_once(bus.run_until_idle)
    bus.run_until_idle()

    assert notes(BLUE, cup=29) == notes(RED, cup=29) == [1, 2]
    assert outstanding(RED) == outstanding(BLUE) == 0


def test_the_log_is_walked_in_stretches_without_a_hole(told: None) -> None:
    seqs = list(Event.objects.order_by("seq").values_list("seq", flat=True))

    walked = list(log_ranges.split(size=2))

    assert [upto for _, upto, _ in walked] == [seqs[1], seqs[3], seqs[4]]
    assert [after for after, _, _ in walked] == [0, seqs[1], seqs[3]]
    assert walked[-1].progress == 1.0


def test_an_empty_log_has_no_stretch(hear: Connect) -> None:
    assert list(log_ranges.split()) == []
