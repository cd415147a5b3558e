"""A delivery whose work was done by the caller is superseded in its transaction."""

import threading
from typing import Any

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, subscriptions
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect, start, work
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, Removed, add, handled, handler_of, outstanding


def supersede() -> bool:
    with transaction.atomic():
        return bus.supersede(Added, subscriber=RED, stream="counter:1")


def test_it_is_not_handled_any_more_by_this_subscriber(red_and_blue: None) -> None:
    add(1, 2)

    assert supersede()

    bus.run_until_idle()
    assert (handled(RED), handled(BLUE)) == ([2], [1, 2])


def test_what_waits_behind_it_is_delivered_at_once(connect: Connect, settings: Any) -> None:
    settings.GDMARKET_DISPATCH = "inline"
    connect({Added: [handler_of(RED)]})

    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        bus.publish(Added(n=2), stream="counter:1")
        assert bus.supersede(Added, subscriber=RED, stream="counter:1")

    assert (handled(), outstanding()) == ([2], 0)


def test_an_event_of_another_class_is_not(connect: Connect) -> None:
    connect({Added: [handler_of(RED)], Removed: [handler_of(RED)]})
    with transaction.atomic():
        bus.publish(Removed(n=1), stream="counter:1")
        bus.publish(Added(n=2), stream="counter:1")

    assert not supersede()
    assert outstanding() == 2


def test_one_published_in_the_same_transaction_is(red: None) -> None:
    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        assert bus.supersede(Added, subscriber=RED, stream="counter:1")

    assert outstanding() == 0


def test_it_stays_where_the_transaction_is_rolled_back(red: None) -> None:
    add(1)

    with transaction.atomic():
        assert bus.supersede(Added, subscriber=RED, stream="counter:1")
        transaction.set_rollback(True)

    assert bus.run_until_idle() == 1


def test_outside_a_transaction_it_is_refused(red: None) -> None:
    add(1)

    with pytest.raises(bus.OutsideTransactionError):
        bus.supersede(Added, subscriber=RED, stream="counter:1")

    assert outstanding() == 1


def test_a_paused_subscriber_s_deliveries_stay(red: None) -> None:
    add(1)
    subscriptions.pause(context=RED)

    assert not supersede()

    subscriptions.resume(context=RED)
    assert bus.run_until_idle() == 1


def test_a_dead_delivery_stays_for_the_operator(red: None) -> None:
    add(1)
    Delivery.objects.update(dead=True)

    assert not supersede()
    assert outstanding() == 1


def test_a_worker_that_has_it_leased_is_rolled_back(red: None) -> None:
    add(1)
    claimed = claims.claim_lanes(subscriber=RED)

    assert supersede()

    assert work(claimed) == 0
    assert (handled(), outstanding()) == ([], 0)


@pytest.mark.postgresql
def test_it_never_waits_for_a_worker_that_settles_it(red: None) -> None:
    add(1)
    locked, done = threading.Event(), threading.Event()

    def settle() -> None:
        with transaction.atomic():
            Delivery.objects.all().delete()
            locked.set()
            assert done.wait(10)

    settling = start(settle)
    assert locked.wait(10)

    assert not supersede()

    done.set()
    settling.result(10)
    assert outstanding() == 0
