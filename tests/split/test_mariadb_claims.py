"""Claims on MariaDB, where they are several statements: workers that race take nothing twice, because heads are locked."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from gdmarket import bus, databases
from gdmarket.bus import backlog, claims, dispatch, plain_claims
from gdmarket.bus.claims import Claim
from gdmarket.bus.models import Delivery
from tests.split.conftest import Connect
from tests.split.village import MIDNIGHT, TO_VIEW, Posted, notes, outstanding, post, reader

pytestmark = pytest.mark.split

VIEW = "status_view"


@pytest.fixture
def waiting(hear: Connect) -> None:
    """Sixty letters, two a box, that have come to the status view's own log."""
    hear({Posted: [reader(VIEW)]})
    for n in range(60):
        post(n, box=n % 30)
    bus.run_until_idle(contexts=(TO_VIEW,))


def race(*, workers: int = 4) -> list[list[Claim]]:
    """Have several claim at one moment, and return what each was given."""
    start = Barrier(workers)

    def claim(_: int) -> list[Claim]:
        try:
            start.wait(30)
            return claims.claim_lanes(subscriber=VIEW)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(workers) as threads:
        return list(threads.map(claim, range(workers)))


def taken_twice(*, rounds: int = 6) -> int:
    """Race again and again for the same deliveries, and return how many were given to two."""
    doubled = 0
    for _ in range(rounds):
        ids = [claim.id for given in race() for claim in given]
        doubled += len(ids) - len(set(ids))
        Delivery.objects.using(VIEW).update(token=None, attempts=0, not_before=MIDNIGHT)
    return doubled


def test_those_who_race_take_nothing_twice(waiting: None) -> None:
    assert taken_twice() == 0


def test_without_the_lock_of_the_heads_they_do(waiting: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_claims, "_LOCK_OF_ROWS", "")

    assert taken_twice() > 0


def test_a_claim_takes_runs_in_order_and_ends_before_what_is_dead(waiting: None) -> None:
    second = Delivery.objects.using(VIEW).get(lane="box:3", version=2)
    Delivery.objects.using(VIEW).filter(pk=second.pk).update(dead=True)

    given = claims.claim_lanes(subscriber=VIEW)

    assert len(given) == 59
    assert [claim.event.version for claim in given if claim.lane == (VIEW, "box:4")] == [1, 2]
    assert [claim.event.version for claim in given if claim.lane == (VIEW, "box:3")] == [1]
    assert {claim.token for claim in given} == set(Delivery.objects.using(VIEW).filter(dead=False).values_list("token", flat=True))
    assert claims.claim_lanes(subscriber=VIEW) == []


def test_a_lane_in_somebodys_hand_is_his_alone_and_a_suspect_is_claimed_alone(waiting: None, wait: Callable[[float], None]) -> None:
    (first, *_) = claims.claim_pending_lanes(lanes=[(VIEW, "box:3")])
    assert claims.claim_pending_lanes(lanes=[(VIEW, "box:3")]) == []

    wait(11)
    suspects = claims.claim_expired(subscriber=VIEW)

    assert [(claim.id, claim.attempts, claim.lease_expired) for claim in suspects] == [(first.id, 1, True)]
    dispatch.work(batch=suspects, keep_going=lambda: True)
    assert notes(VIEW) == [3]


def test_more_lanes_than_a_page_has_are_walked_page_by_page(hear: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims, "LANES", 5)
    hear({Posted: [reader(VIEW)]})
    for box in range(17):
        post(box, box=box)
    bus.run_until_idle(contexts=(TO_VIEW,))
    Delivery.objects.using(VIEW).filter(lane__in=[f"box:{box}" for box in range(15)]).update(dead=True)

    given = claims.claim_lanes(subscriber=VIEW)

    assert given
    dispatch.work(batch=given, keep_going=lambda: True)
    bus.run_until_idle()
    assert sorted(notes(VIEW)) == [15, 16]


def test_the_backlog_is_measured_in_each_log_and_the_way_counts(waiting: None) -> None:
    post(60, 61)

    found = backlog.measure()

    assert (found[VIEW].pending, found[TO_VIEW].pending) == (60, 2)
    assert found[VIEW].oldest_age_s > 0
    assert backlog.backlog_of(subscriber=VIEW).pending == 62
    assert len(outstanding(TO_VIEW, using=databases.alias_for("rentals"))) == 2
