"""A worker that dies, hangs or comes back late neither loses, nor doubles, nor blocks anything."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from django.db import connection, transaction

from gdmarket import bus
from gdmarket.bus import claims, dispatch, relay, settling
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, notes, outstanding, pour, reader


def always() -> bool:
    return True


def test_what_a_worker_has_in_hand_nobody_else_takes(hear: Connect, wait: Callable[[float], None]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2)
    claims.claim_lanes(subscriber=RED)

    wait(claims.LEASE_S - 5)

    assert bus.run_until_idle() == 0
    assert notes() == []


def test_what_a_dead_worker_had_in_hand_is_handled_after_its_lease(hear: Connect, wait: Callable[[float], None]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2, 3)
    claims.claim_lanes(subscriber=RED)

    wait(claims.LEASE_S)

    assert bus.run_until_idle() == 3
    assert notes() == [1, 2, 3]


def test_one_round_handles_all_that_a_dead_worker_had_in_hand(hear: Connect, wait: Callable[[float], None]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2, cup=1)
    pour(3, 4, cup=2)
    claims.claim_lanes(subscriber=RED)
    wait(claims.LEASE_S)
    pour(5, cup=3)

    assert relay.run_once(keep_going=always) == (5, 5)
    assert (notes(cup=1), notes(cup=2), notes(cup=3)) == ([1, 2], [3, 4], [5])


def test_a_worker_that_wakes_after_its_lease_changes_nothing(
    hear: Connect, wait: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2)
    asleep = claims.claim_lanes(subscriber=RED)
    wait(claims.LEASE_S)
    bus.run_until_idle()

    with caplog.at_level(logging.WARNING):
        done = dispatch.work(claimed=asleep, keep_going=always)

    assert done == 0
    assert notes() == [1, 2]
    assert "lost to another worker" in caplog.text


def test_a_worker_that_wakes_while_another_works_changes_nothing(hear: Connect, wait: Callable[[float], None]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2)
    asleep = claims.claim_lanes(subscriber=RED)
    wait(claims.LEASE_S)
    awake = claims.claim_expired(subscriber=RED)

    assert dispatch.work(claimed=asleep, keep_going=always) == 0
    assert notes() == []
    assert dispatch.work(claimed=awake, keep_going=always) == 1
    assert notes() == [1]


def test_without_the_fence_a_late_worker_would_do_it_twice(
    hear: Connect, wait: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    asleep = claims.claim_lanes(subscriber=RED)
    wait(claims.LEASE_S)
    bus.run_until_idle()
    monkeypatch.setattr(settling, "acknowledge", lambda *, claims: Delivery.objects.filter(pk=claims[0].id).delete())

    dispatch.work(claimed=asleep, keep_going=always)

    assert notes() == [1, 1]


@pytest.mark.parametrize("settle", ["postpone", "fail", "dead_letter", "release"])
def test_a_late_worker_cannot_settle_what_another_has_in_hand(hear: Connect, wait: Callable[[float], None], settle: str) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    (asleep,) = claims.claim_lanes(subscriber=RED)
    wait(claims.LEASE_S)
    claims.claim_expired(subscriber=RED)
    before = Delivery.objects.values().get()

    {
        "postpone": lambda: settling.postpone(claims=[asleep], after_s=1, reason=""),
        "fail": lambda: settling.fail(claim=asleep, error=""),
        "dead_letter": lambda: settling.dead_letter(claim=asleep, error=""),
        "release": lambda: settling.release(claims=[asleep]),
    }[settle]()

    assert Delivery.objects.values().get() == before


def test_suspects_are_claimed_alone(hear: Connect, wait: Callable[[float], None]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2, cup=1)
    pour(3, cup=2)
    while claims.claim_lanes(subscriber=RED):
        pass
    wait(claims.LEASE_S)

    assert claims.claim_lanes(subscriber=RED) == []
    assert [claim.attempts for claim in claims.claim_expired(subscriber=RED)] == [1]
    assert sorted(Delivery.objects.values_list("attempts", flat=True)) == [0, 0, 1]


def test_an_event_that_kills_every_worker_is_dead_and_takes_no_innocent_down(hear: Connect, wait: Callable[[float], None]) -> None:
    class KilledError(BaseException):
        """As good as kill -9: nothing after it runs."""

    def kill(event: Poured) -> None:
        if event.n == 2:
            raise KilledError

    hear({Poured: [reader(RED, kill), reader(BLUE)]})
    pour(1, 2, 3, cup=1)
    pour(4, 5, cup=2)
    pour(6, cup=3)

    killed = 0
    for _ in range(20):
        try:
            bus.run_until_idle()
        except KilledError:
            killed += 1
        wait(claims.LEASE_S)

    assert killed == settling.MAX_ATTEMPTS
    assert (notes(cup=1), notes(cup=2), notes(cup=3)) == ([1], [4, 5], [6])
    assert sorted(notes(BLUE)) == [1, 2, 3, 4, 5, 6]
    (dead,) = Delivery.objects.filter(dead=True)
    assert (dead.version, dead.error) == (2, "Reject: the worker died or hung 8 times while handling this")
    assert outstanding(RED) == 2


@pytest.mark.postgresql
def test_a_claim_passes_over_what_another_is_just_claiming_and_does_not_wait_for_it(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, cup=1)
    pour(2, cup=2)
    found: list[list[int]] = []

    def claim_too() -> None:
        try:
            found.append([claim.event.payload["n"] for claim in claims.claim_lanes(subscriber=RED)])
        finally:
            connection.close()

    other = threading.Thread(target=claim_too)
    with transaction.atomic():
        claims.claim_pending_lanes(lanes=[(RED, "cup:1")])
        other.start()
        other.join(3)
        assert found == [[2]]


def test_a_batch_that_must_stop_gives_the_rest_back_at_once(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2, 3)

    done = dispatch.work(claimed=claims.claim_lanes(subscriber=RED), keep_going=lambda: False)

    assert done == 1
    assert bus.run_until_idle() == 2
    assert notes() == [1, 2, 3]


def test_nothing_is_begun_once_half_of_the_lease_is_over(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2)
    late = [replace(claim, begin_by_s=claim.begin_by_s - claims.LEASE_S / 2) for claim in claims.claim_lanes(subscriber=RED)]

    assert dispatch.work(claimed=late, keep_going=always) == 0
    assert notes() == []
    assert bus.run_until_idle() == 2


def test_what_takes_half_of_the_lease_leaves_the_rest_to_the_next_claim(hear: Connect) -> None:
    late = time.monotonic() + 0.05
    hear({Poured: [reader(RED, lambda _: time.sleep(0.1))]})
    pour(1, 2)
    claimed = [replace(claim, begin_by_s=late) for claim in claims.claim_lanes(subscriber=RED)]

    assert dispatch.work(claimed=claimed, keep_going=always) == 1
    assert notes() == [1]
    assert bus.run_until_idle() == 1
