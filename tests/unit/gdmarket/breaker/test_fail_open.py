"""A breaker whose row cannot be read or written lets calls through, logs a warning, and leaves transactions usable."""

import logging

import pytest
from django.db import connection, transaction

from gdmarket.breaker.breaker import Breaker
from gdmarket.breaker.models import Circuit, State
from tests.missing_tables import missing_table
from tests.unit.gdmarket.breaker.harness import Clock, fail, refusal_of, state_of, succeed, without_database

pytestmark = pytest.mark.django_db(transaction=True)


def test_calls_go_through_and_keep_what_they_return_and_raise(breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), missing_table("breaker_circuit"):
        for _ in range(30):
            succeed(breaker)
            fail(breaker)
            fail(breaker, retry_after_s=20)
            clock.now_s += 0.1
        assert (breaker.state, breaker.open_for_s()) == (State.CLOSED, 0.0)
    assert [message.partition(":")[0] for message in caplog.messages] == ["breaker provider"]


def test_the_warning_is_repeated_every_ten_seconds(breaker: Breaker, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), missing_table("breaker_circuit"):
        for _ in range(40):
            succeed(breaker)
            clock.now_s += 0.5
    assert len(caplog.messages) == 2


def test_an_unreachable_database_does_not_stop_calls(breaker: Breaker) -> None:
    with without_database():
        succeed(breaker, 3)
        fail(breaker, 20)
        assert breaker.open_for_s() == 0.0


def test_a_failure_that_cannot_be_stored_is_raised_to_the_caller(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 9)
    with missing_table("breaker_circuit"):
        fail(breaker)
        assert state_of(breaker) is State.CLOSED
    clock.now_s += 2
    fail(breaker)
    assert state_of(breaker) is State.OPEN


def test_a_probe_whose_permit_cannot_be_taken_goes_through(expired: Breaker) -> None:
    assert state_of(expired) is State.OPEN
    with missing_table("breaker_circuit"):
        succeed(expired, 5)


def test_once_the_row_can_be_read_again_it_applies(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 10)
    clock.now_s += 1
    with missing_table("breaker_circuit"):
        succeed(breaker)
    clock.now_s += 2
    assert state_of(breaker) is State.OPEN
    assert refusal_of(breaker) > 0


def test_a_surrounding_transaction_stays_usable(breaker: Breaker, clock: Clock) -> None:
    fail(breaker, 10)
    clock.now_s += 1
    with transaction.atomic():
        assert breaker.open_for_s() > 0
    clock.now_s += 1
    with missing_table("breaker_circuit"), transaction.atomic():
        assert breaker.open_for_s() == 0.0
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    assert Circuit.objects.get().state == State.OPEN
