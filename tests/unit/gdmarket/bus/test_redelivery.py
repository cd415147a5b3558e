"""`bus replay`: old events are delivered again, only to idempotent handlers, in order, once each."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, dispatch, log_ranges, redelivery
from gdmarket.bus.errors import NotIdempotentError
from gdmarket.bus.models import Delivery, Event
from tests.unit.gdmarket.bus.conftest import Connect, Run, concurrently
from tests.unit.gdmarket.bus.sample import BLUE, MIDNIGHT, RED, Added, Removed, add, handled, handler_of, outstanding


@pytest.fixture
def handled_events(connect: Connect) -> None:
    """Red and blue have handled events of two counters; only red's handler is idempotent."""
    connect({Added: [bus.idempotent(handler_of(RED)), handler_of(BLUE)], Removed: [handler_of(RED)]})
    add(1, 2, 3)
    add(10, 20, counter=2)
    bus.run_until_idle()


def redeliver(*, stream: str | None = None) -> int:
    return sum(count for _, count in redelivery.redeliver(subscriber=RED, stream=stream))


def test_all_old_events_are_handled_again_in_order(handled_events: None, run: Run) -> None:
    assert run("replay", RED, "--all") == "5 old events will be delivered to red again\n"
    assert run("replay", RED, "--all") == "0 old events will be delivered to red again\n"

    assert bus.run_until_idle() == 5
    assert handled(counter=1) == [1, 2, 3, 1, 2, 3]
    assert handled(counter=2) == [10, 20, 10, 20]
    assert outstanding(BLUE) == 0


def test_a_dead_delivery_blocks_its_lane_also_behind_a_replayed_event(connect: Connect) -> None:
    refused = [2]

    def refuse(event: Added) -> None:
        if event.n in refused:
            raise bus.Reject("no")

    connect({Added: [bus.idempotent(handler_of(RED, refuse))]})
    add(1, 2, 3, 4)
    bus.run_until_idle()
    assert handled() == [1]
    refused.clear()

    assert redeliver(stream="counter:1") == 1
    bus.run_until_idle()

    assert handled() == [1, 1]
    assert [(row.version, row.dead, row.token) for row in Delivery.objects.order_by("version")] == [
        (2, True, None),
        (3, False, None),
        (4, False, None),
    ]


def test_a_claimed_delivery_is_not_taken_with_a_replayed_event_before_it(handled_events: None) -> None:
    add(4, 5)
    claimed = claims.claim_lanes(subscriber=RED)
    redeliver(stream="counter:1")

    bus.run_until_idle()
    assert handled(counter=1) == [1, 2, 3, 1, 2, 3]

    assert dispatch.work(claimed=claimed, keep_going=lambda: True) == 2
    assert handled(counter=1)[-2:] == [4, 5]


def test_one_stream_is_handled_again(handled_events: None, run: Run) -> None:
    assert run("replay", RED, "--stream", "counter:77") == "0 old events will be delivered to red again\n"
    assert run("replay", RED, "--stream", "counter:2") == "2 old events will be delivered to red again\n"

    bus.run_until_idle()
    assert handled(counter=1) == [1, 2, 3]
    assert handled(counter=2) == [10, 20, 10, 20]


def test_events_since_an_instant_are_handled_again(handled_events: None, run: Run) -> None:
    Event.objects.filter(payload__n=3).update(occurred_at=MIDNIGHT + timedelta(hours=1))
    Event.objects.filter(payload__n=20).update(occurred_at=MIDNIGHT + timedelta(hours=2))

    assert run("replay", RED, "--since", "2026-01-01T10:00:00+09:00", "--dry-run").startswith("2 old events would")
    assert run("replay", RED, "--since", "2026-01-01T01:00:00Z", "--stream", "counter:2").startswith("1 old events will")
    assert run("replay", RED, "--since", "2026-01-01T01:00:00Z").startswith("1 old events will")

    bus.run_until_idle()
    assert handled() == [1, 2, 3, 10, 20, 3, 20]


def test_a_dry_run_only_counts(handled_events: None, run: Run) -> None:
    redeliver(stream="counter:2")

    assert run("replay", RED, "--all", "--dry-run") == "3 old events would be delivered to red again\n"

    assert outstanding() == 2


def test_timers_are_not_delivered_again(handled_events: None) -> None:
    add(4, at=datetime.now(UTC) - timedelta(minutes=1))
    bus.run_until_idle()

    assert redeliver() == 5


def test_types_of_unmarked_handlers_are_left_out(handled_events: None) -> None:
    with transaction.atomic():
        bus.publish(Removed(n=1), stream="counter:1")
    bus.run_until_idle()

    assert redeliver() == 5
    assert set(Delivery.objects.values_list("event__type", flat=True)) == {"sample.Added"}


def test_a_context_without_idempotent_handlers_is_refused(handled_events: None, run: Run) -> None:
    with pytest.raises(CommandError, match=r"No handler of blue is marked `@bus.idempotent`") as refusal:
        run("replay", BLUE, "--all")
    assert refusal.value.returncode == 1
    with pytest.raises(NotIdempotentError) as refused:
        redelivery.redeliver(subscriber=BLUE)
    assert refused.value.code == "not_idempotent"
    with pytest.raises(CommandError, match='No context called "green"'):
        run("replay", "green", "--all")
    assert not Delivery.objects.exists()


def test_an_outstanding_delivery_is_not_added_twice(handled_events: None) -> None:
    add(4)

    assert redeliver() == 5

    bus.run_until_idle()
    assert handled(counter=1) == [1, 2, 3, 1, 2, 3, 4]


def test_several_replays_at_once_add_each_event_once(handled_events: None) -> None:
    for counter in range(3, 30):
        add(1, 2, counter=counter)
    bus.run_until_idle()

    assert sum(concurrently(redeliver)) == 59

    assert bus.run_until_idle() == 59
    assert outstanding() == 0


def test_it_runs_beside_live_deliveries(handled_events: None) -> None:
    for counter in range(3, 30):
        add(1, 2, counter=counter)

    redeliver()
    concurrently(bus.run_until_idle)
    bus.run_until_idle()

    assert handled(BLUE, counter=29) == handled(RED, counter=29) == [1, 2]
    assert outstanding(RED) == outstanding(BLUE) == 0


def test_the_log_is_split_into_ranges_without_gaps(handled_events: None) -> None:
    seqs = list(Event.objects.order_by("seq").values_list("seq", flat=True))

    ranges = list(log_ranges.split(size=2))

    assert [upto for _, upto, _ in ranges] == [seqs[1], seqs[3], seqs[4]]
    assert [after for after, _, _ in ranges] == [0, seqs[1], seqs[3]]
    assert ranges[-1].progress == 1.0


def test_an_empty_log_has_no_range(connect: Connect) -> None:
    assert list(log_ranges.split()) == []
