"""How processes share a breaker: each has its own object, and all share one row."""

import logging
from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gdmarket.breaker import store
from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import Circuit, State
from tests.unit.gdmarket.breaker.harness import (
    Clock,
    ProviderError,
    about,
    breaker_at,
    die,
    fail,
    refusal_of,
    state_of,
    succeed,
    succeed_after,
)

pytestmark = pytest.mark.django_db

Pair = tuple[Breaker, Breaker]
Start = Callable[[], Breaker]


@pytest.fixture
def start(clock: Clock) -> Start:
    """Return a function that starts another process."""
    return lambda: breaker_at(clock)


@pytest.fixture
def both(start: Start) -> Pair:
    """Return the breakers of two processes that have seen it closed."""
    one, other = start(), start()
    assert (one.state, other.state) == (State.CLOSED, State.CLOSED)
    return one, other


@pytest.fixture
def expired(both: Pair, clock: Clock) -> Pair:
    """Return the breakers of two processes, which may now begin to probe."""
    fail(both[0], 10)
    clock.pass_s(15)
    return both


def test_what_one_process_opens_is_open_to_the_others_after_250_ms(both: Pair, clock: Clock) -> None:
    one, other = both
    fail(one, 10)
    assert (one.state, other.state) == (State.OPEN, State.CLOSED)
    clock.pass_s(0.25)
    assert (other.state, refusal_of(other)) == (State.OPEN, about(15))


def test_a_process_that_starts_while_it_is_open_makes_no_call(both: Pair, start: Start) -> None:
    fail(both[0], 10)
    assert refusal_of(start()) == about(15)


def test_each_process_judges_by_its_own_calls(both: Pair) -> None:
    one, other = both
    succeed(one, 20)
    fail(other, 10)
    assert state_of(other) is State.OPEN


def test_two_probes_are_permitted_among_all_processes(expired: Pair, start: Start) -> None:
    one, other = expired
    die(one)
    late = start()
    assert late.open_for_s() == other.open_for_s() == 0.0
    die(other)
    assert refusal_of(late) == about(10)


def test_probing_begins_only_when_the_row_allows_it(both: Pair, clock: Clock) -> None:
    one, other = both
    fail(one, 10)
    assert not store.begin_probing(name="provider", generation=1, probes=2, deadline_s=10, reason="")
    clock.pass_s(15)
    die(one)
    die(other)
    assert not store.begin_probing(name="provider", generation=2, probes=2, deadline_s=10, reason="")


def test_successful_probes_of_two_processes_close_it(expired: Pair, clock: Clock) -> None:
    one, other = expired
    succeed(one)
    assert state_of(one) is State.HALF_OPEN
    succeed(other)
    assert state_of(other) is State.CLOSED
    clock.pass_s(0.25)
    assert state_of(one) is State.CLOSED


def test_when_one_process_closes_it_the_others_restart_their_counts(both: Pair, clock: Clock) -> None:
    one, other = both
    fail(other, 9)
    fail(one, 10)
    clock.pass_s(15)
    succeed(one, 2)
    clock.pass_s(0.25)
    fail(other, 9)
    assert state_of(other) is State.CLOSED


def test_a_process_that_has_not_seen_it_open_does_not_open_it_again(both: Pair) -> None:
    one, other = both
    fail(one, 10)
    fail(other, 10)
    assert (Circuit.objects.get().generation, Circuit.objects.get().times_opened) == (1, 1)
    assert refusal_of(other) == about(15)


def test_a_failed_probe_of_an_old_generation_opens_nothing(expired: Pair, clock: Clock, start: Start) -> None:
    one, other = expired

    def outlive_a_recovery() -> None:
        die(start())
        clock.pass_s(10)
        succeed(one, 2)
        raise ProviderError

    with pytest.raises(ProviderError):
        other.call(outlive_a_recovery)

    assert (start().state, other.state) == (State.CLOSED, State.CLOSED)


def test_a_call_while_it_is_closed_writes_nothing_and_reads_four_times_a_second(both: Pair, clock: Clock) -> None:
    with CaptureQueriesContext(connection) as queries:
        for _ in range(10):
            succeed(both[0], 10)
            fail(both[0])
            clock.now_s += 0.1
    assert [query["sql"].split()[0] for query in queries if "SAVEPOINT" not in query["sql"]] == ["SELECT"] * 3


def test_each_transition_is_logged_once_by_the_process_that_made_it(both: Pair, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    one, other = both
    with caplog.at_level(logging.WARNING):
        fail(one, 10)
        fail(other, 10)
        clock.pass_s(15)
        succeed(other)
        succeed(one)
    assert caplog.messages == [
        "breaker provider: open: 10 of 10 calls failed, for 15.0 s",
        "breaker provider: half_open: the open period is over",
        "breaker provider: closed: 2 probes succeeded",
    ]


def test_the_row_holds_the_reason(clock: Clock) -> None:
    breaker = breaker_at(clock)
    reasons = []
    for open_it in (
        lambda: succeed_after(breaker, clock, seconds=2, times=10),
        lambda: succeed_after(breaker, clock, seconds=2),
        lambda: fail(breaker),
        lambda: fail(breaker, retry_after_s=7),
    ):
        open_it()
        reasons.append(Circuit.objects.get().reason)
        clock.pass_s(300)
    assert reasons == ["10 of 10 calls were slow", "a probe was slow", "a probe failed", "it asked for a wait of 7 s"]
