"""What a process has just published is delivered with locks, one transaction a subscriber, and by leases where that fails."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext

from gdmarket import bus, databases
from gdmarket.bus import claims, settling, subscriptions
from gdmarket.bus.errors import LeaseLostError
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect, start
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, Removed, add, handled, handler_of, outstanding, record


@pytest.fixture(autouse=True)
def _inline(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    settings.GDMARKET_DISPATCH_BUDGET_MS = 10_000


class KilledError(BaseException):
    """As good as kill -9: nothing after it runs."""


def test_each_subscriber_has_one_transaction_and_no_lease(red_and_blue: None) -> None:
    with CaptureQueriesContext(connection) as captured:
        with bus.defer_dispatch():
            add(1, 2)
            add(3, counter=2)
        statements = [query["sql"] for query in captured]

    assert sum(sql.startswith("BEGIN") for sql in statements) == 4
    assert sum("DELETE" in sql for sql in statements) == 2
    assert not any("UPDATE bus_delivery" in sql for sql in statements)
    assert sorted(handled(RED)) == sorted(handled(BLUE)) == [1, 2, 3]


def test_a_failure_undoes_no_other_delivery_for_ever(connect: Connect) -> None:
    calls: list[int] = []

    def fail_on_two(event: Added) -> None:
        calls.append(event.n)
        if event.n == 2:
            raise ValueError

    connect({Added: [handler_of(RED, fail_on_two)]})

    with bus.defer_dispatch():
        for n in (1, 2, 3):
            add(n, counter=n)

    assert calls == [1, 2, 1, 2, 3]  # together, then each alone
    assert handled() == [1, 3]
    assert Delivery.objects.values_list("lane", "attempts", "token").get() == ("counter:2", 1, None)


def end_head_start() -> None:
    """Let the second pass for which relays leave deliveries to the request that published them."""
    Delivery.objects.filter(token=None).update(not_before=F("not_before") - timedelta(seconds=claims.HEAD_START_S))


def test_a_request_has_a_head_start_over_relays_with_what_it_delivers_itself(connect: Connect) -> None:
    connect({Added: [handler_of(RED)]})
    with bus.defer_dispatch():
        add(1)
        assert bus.run_until_idle() == 0
    assert handled() == [1]


def test_a_paused_context_and_a_server_that_delivers_nothing_give_no_head_start(connect: Connect, settings: Any) -> None:
    connect({Added: [handler_of(RED)]})
    subscriptions.pause(context=RED)
    with bus.defer_dispatch():
        add(1)
    subscriptions.resume(context=RED)
    assert bus.run_until_idle() == 1

    settings.GDMARKET_DISPATCH = "off"
    with bus.defer_dispatch():
        add(2)
        assert bus.run_until_idle() == 1


def test_a_process_that_dies_in_it_leaves_all_to_the_relay_after_its_head_start(connect: Connect) -> None:
    def die_on_two(event: Added) -> None:
        if event.n == 2:
            raise KilledError

    connect({Added: [handler_of(RED, die_on_two)]})
    with pytest.raises(KilledError), bus.defer_dispatch():
        add(1, 2, 3)
    assert handled() == []

    connect({Added: [handler_of(RED)]})
    end_head_start()

    assert bus.run_until_idle() == 3
    assert handled() == [1, 2, 3]


def test_what_reaches_outside_is_leased_and_in_no_transaction(connect: Connect) -> None:
    seen: list[tuple[bool, bool]] = []

    @bus.external
    def call_out(event: Removed) -> None:
        record(RED, event.n)
        seen.append((connection.in_atomic_block, Delivery.objects.get(subscriber=RED, lane="counter:1", version=2).token is not None))

    call_out.__module__ = f"apps.{RED}.handlers"
    connect({Added: [handler_of(RED)], Removed: [call_out]})

    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        bus.publish(Removed(n=2), stream="counter:1")
        bus.publish(Added(n=3), stream="counter:1")

    assert seen == [(False, True)]
    assert handled() == [1, 2, 3]


def test_a_projection_takes_what_the_other_subscribers_publish_in_the_same_transaction(connect: Connect) -> None:
    batches: list[list[object]] = []

    @bus.batch
    def project(events: Sequence[object]) -> None:
        batches.append(list(events))

    def remove(event: Added) -> None:
        bus.publish(Removed(n=event.n), stream="other:1")

    project.__module__ = f"apps.{BLUE}.handlers"
    connect({Added: [project, handler_of(RED, remove)], Removed: [project]})

    add(1, 2)

    assert batches == [[Added(n=1), Added(n=2), Removed(n=1), Removed(n=2)]]


def test_after_fifty_deliveries_it_commits_and_goes_on(connect: Connect) -> None:
    batches: list[int] = []

    @bus.batch
    def project(events: Sequence[object]) -> None:
        batches.append(len(events))

    project.__module__ = f"apps.{BLUE}.handlers"
    connect({Added: [project, handler_of(RED)]})

    with CaptureQueriesContext(connection) as captured:
        with databases.transaction_for("sample"):
            for n in range(120):
                bus.publish(Added(n=n), stream=f"counter:{n}")
        statements = [query["sql"] for query in captured]

    assert (batches, len(handled(RED)), outstanding()) == ([50, 50, 20], 120, 0)
    assert sum(sql.startswith("BEGIN") for sql in statements) == 1 + 3 + 3
    assert sum("DELETE" in sql for sql in statements) == 3 + 3


@pytest.mark.postgresql
def test_what_one_worker_has_locked_no_other_takes_or_waits_for(red: None, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"
    add(1, 2)

    with transaction.atomic():
        locked = claims.lock_pending_lanes(subscriber=RED, lanes=[(RED, "counter:1")])
        leased = start(lambda: claims.claim_lanes(subscriber=RED)).result(5)
        again = start(locked_by_another).result(5)

    assert ([claim.event.version for claim in locked], leased, again) == ([1, 2], [], [])


def locked_by_another() -> list[claims.Claim]:
    with transaction.atomic():
        return claims.lock_pending_lanes(subscriber=RED, lanes=[(RED, "counter:1")])


def test_a_delivery_that_was_leased_meanwhile_is_not_acknowledged(red: None, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "off"
    add(1)
    with transaction.atomic():
        locked = claims.lock_pending_lanes(subscriber=RED, lanes=[(RED, "counter:1")])
    claims.claim_lanes(subscriber=RED)

    with pytest.raises(LeaseLostError):
        settling.acknowledge(claims=locked)

    assert outstanding() == 1


def test_what_failed_before_is_left_to_the_relay(connect: Connect) -> None:
    connect({Added: [handler_of(RED)]})
    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        Delivery.objects.update(attempts=1)

    assert handled() == []
    assert bus.run_until_idle() == 1


def test_deferred_deliveries_can_be_made_before_the_end(red: None) -> None:
    with bus.defer_dispatch():
        add(1)
        assert handled() == []
        bus.deliver_deferred()
        assert handled() == [1]
        add(2)
        assert handled() == [1]

    assert handled() == [1, 2]
    bus.deliver_deferred()
