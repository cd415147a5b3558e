"""A worker that dies, hangs or resumes late loses nothing, repeats nothing and blocks nothing."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus import claims, relay, settling
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect, start, work
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handled, handler_of, outstanding


def test_a_claimed_delivery_is_not_claimed_again_before_its_lease_expires(red: None, pass_time: Callable[[float], None]) -> None:
    add(1, 2)
    claims.claim_lanes(subscriber=RED)

    pass_time(claims.LEASE_S - 5)

    assert bus.run_until_idle() == 0
    assert handled() == []


def test_what_a_dead_worker_had_claimed_is_handled_after_its_lease(red: None, pass_time: Callable[[float], None]) -> None:
    add(1, 2, 3)
    claims.claim_lanes(subscriber=RED)

    pass_time(claims.LEASE_S + 1)

    assert bus.run_until_idle() == 3
    assert handled() == [1, 2, 3]


def test_one_round_handles_all_that_a_dead_worker_had_claimed(red: None, pass_time: Callable[[float], None]) -> None:
    add(1, 2, counter=1)
    add(3, 4, counter=2)
    claims.claim_lanes(subscriber=RED)
    pass_time(claims.LEASE_S + 1)
    add(5, counter=3)

    assert relay.run_once(keep_going=lambda: True) == (5, 5)
    assert (handled(counter=1), handled(counter=2), handled(counter=3)) == ([1, 2], [3, 4], [5])


def test_a_worker_that_resumes_too_late_changes_nothing(
    red: None, pass_time: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    add(1, 2)
    stale = claims.claim_lanes(subscriber=RED)
    pass_time(claims.LEASE_S + 1)
    bus.run_until_idle()

    with caplog.at_level(logging.WARNING):
        done = work(stale)

    assert done == 0
    assert handled() == [1, 2]
    assert "lost to another worker" in caplog.text


def test_a_worker_that_resumes_while_another_works_changes_nothing(red: None, pass_time: Callable[[float], None]) -> None:
    add(1, 2)
    stale = claims.claim_lanes(subscriber=RED)
    pass_time(claims.LEASE_S + 1)
    fresh = claims.claim_expired(subscriber=RED)

    assert work(stale) == 0
    assert handled() == []
    assert work(fresh) == 1
    assert handled() == [1]


@pytest.mark.parametrize("settle", ["postpone", "fail", "dead_letter", "release"])
def test_a_late_worker_cannot_settle_what_another_has_claimed(red: None, pass_time: Callable[[float], None], settle: str) -> None:
    add(1)
    (stale,) = claims.claim_lanes(subscriber=RED)
    pass_time(claims.LEASE_S + 1)
    claims.claim_expired(subscriber=RED)
    before = Delivery.objects.values().get()

    {
        "postpone": lambda: settling.postpone(claims=[stale], after_s=1, reason=""),
        "fail": lambda: settling.fail(claim=stale, error=""),
        "dead_letter": lambda: settling.dead_letter(claim=stale, error=""),
        "release": lambda: settling.release(claims=[stale]),
    }[settle]()

    assert Delivery.objects.values().get() == before


def test_a_delivery_whose_lease_expired_is_claimed_alone(red: None, pass_time: Callable[[float], None]) -> None:
    add(1, 2, counter=1)
    add(3, counter=2)
    while claims.claim_lanes(subscriber=RED):
        pass
    pass_time(claims.LEASE_S + 1)

    assert claims.claim_lanes(subscriber=RED) == []
    assert [claim.attempts for claim in claims.claim_expired(subscriber=RED)] == [1]
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 0, 1]


def test_an_event_that_kills_every_worker_is_dead_and_takes_no_other_with_it(connect: Connect, pass_time: Callable[[float], None]) -> None:
    class KilledError(BaseException):
        """As good as kill -9: nothing after it runs."""

    def kill(event: Added) -> None:
        if event.n == 2:
            raise KilledError

    connect({Added: [handler_of(RED, kill), handler_of(BLUE)]})
    add(1, 2, 3, counter=1)
    add(4, 5, counter=2)
    add(6, counter=3)

    killed = 0
    for _ in range(20):
        try:
            bus.run_until_idle()
        except KilledError:
            killed += 1
        pass_time(claims.LEASE_S + 1)

    assert killed == settling.MAX_ATTEMPTS
    assert (handled(counter=1), handled(counter=2), handled(counter=3)) == ([1], [4, 5], [6])
    assert sorted(handled(BLUE)) == [1, 2, 3, 4, 5, 6]
    (dead,) = Delivery.objects.filter(dead=True)
    assert (dead.version, dead.error) == (2, "Reject: the worker died or hung 8 times while handling this")
    assert outstanding(RED) == 2


@pytest.mark.postgresql
def test_a_claim_skips_what_another_is_claiming_and_does_not_wait_for_it(red: None) -> None:
    add(1, counter=1)
    add(2, counter=2)

    with transaction.atomic():
        claims.claim_pending_lanes(lanes=[(RED, "counter:1")])
        other = start(lambda: claims.claim_lanes(subscriber=RED)).result(3)

    assert [claim.event.payload["n"] for claim in other] == [2]


def test_nothing_is_begun_once_half_of_the_lease_is_over(red: None) -> None:
    add(1, 2)
    late = [replace(claim, begin_by_s=claim.begin_by_s - claims.LEASE_S / 2) for claim in claims.claim_lanes(subscriber=RED)]

    assert work(late) == 0
    assert handled() == []
    assert bus.run_until_idle() == 2


def test_a_delivery_that_takes_half_of_the_lease_leaves_the_rest_to_the_next_claim(connect: Connect) -> None:
    connect({Added: [handler_of(RED, lambda _: time.sleep(max(0, begin_by_s - time.monotonic())))]})
    add(1, 2)
    claimed = claims.claim_lanes(subscriber=RED)
    begin_by_s = time.monotonic() + 1

    assert work([replace(claim, begin_by_s=begin_by_s) for claim in claimed]) == 1
    assert handled() == [1]
    assert bus.run_until_idle() == 1
