"""A handler that fails, raises Retry or Reject; and events that cannot be handled."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus.models import Delivery, Event
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import RED, Added, add, handled, handler_of, record

LONGEST_BACKOFF_S = 300
_SKIPPED = {
    "delivery_id": 1,
    "event_id": "01900000-0000-7000-8000-000000000000",
    "type": "",
    "subscriber": "",
    "error": "",
    "reason": "",
    "occurred_at": "2026-01-01T00:00:00Z",
}


def fail(_: Added) -> None:
    raise RuntimeError("broken\0pipe")


def current_id() -> UUID | None:
    current = bus.current()
    return current.id if current else None


@pytest.mark.parametrize("failure", [RuntimeError(), bus.Retry(after_s=0)])
def test_what_a_failed_handler_wrote_is_rolled_back(connect: Connect, failure: Exception) -> None:
    def write_then_fail(event: Added) -> None:
        record(RED, event.n)
        raise failure

    connect({Added: [handler_of(RED, write_then_fail)]})
    add(1)

    assert bus.run_until_idle() == 0

    assert handled() == []


def test_a_failing_delivery_is_dead_after_eight_attempts(connect: Connect, pass_time: Callable[[float], None]) -> None:
    attempts: list[int] = []

    def count_and_fail(event: Added) -> None:
        attempts.append(event.n)
        fail(event)

    connect({Added: [handler_of(RED, count_and_fail)]})
    add(1)

    for _ in range(12):
        bus.run_until_idle()
        pass_time(LONGEST_BACKOFF_S)

    assert len(attempts) == 8
    delivery = Delivery.objects.get()
    assert (delivery.dead, delivery.attempts, delivery.token, delivery.error) == (True, 8, None, "RuntimeError: broken�pipe")


def test_a_handler_may_ask_for_a_retry_any_number_of_times(
    connect: Connect, pass_time: Callable[[float], None], caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[int] = []

    def retry_ten_times(event: Added) -> None:
        calls.append(event.n)
        if len(calls) <= 10:
            raise bus.Retry("not yet", after_s=60)

    connect({Added: [handler_of(RED, retry_ten_times)]})
    add(1)

    with caplog.at_level(logging.INFO):
        for _ in range(10):
            assert bus.run_until_idle() == 0
            pass_time(59)
            assert bus.run_until_idle() == 0
            pass_time(2)

    assert Delivery.objects.get().attempts == 0
    assert caplog.text.count("not yet") == 10
    assert bus.run_until_idle() == 1
    assert handled() == [1]


def test_a_rejected_event_is_dead_at_once(connect: Connect) -> None:
    def reject(_: Added) -> None:
        raise bus.Reject("never")

    connect({Added: [handler_of(RED, reject)]})
    add(1, 2)

    assert bus.run_until_idle() == 0

    head, follower = Delivery.objects.order_by("version")
    assert (head.dead, head.error) == (True, "Reject: never")
    assert (follower.dead, follower.token, follower.attempts) == (False, None, 0)


def test_an_event_that_does_not_fit_its_class_is_dead_at_once(red: None) -> None:
    add(1)
    Event.objects.update(payload={"n": "many", "occurred_at": "2026-01-01T00:00:00Z"})

    bus.run_until_idle()

    delivery = Delivery.objects.get()
    assert delivery.dead
    assert delivery.error.startswith("UndecodableError: event ")
    assert "version 1 of counter:1: sample.Added: " in delivery.error


def test_a_field_that_only_newer_publishers_know_is_ignored(red: None) -> None:
    add(1)
    Event.objects.update(payload={"n": 1, "unit": "kg", "occurred_at": "2026-01-01T00:00:00Z"})

    assert bus.run_until_idle() == 1


@pytest.mark.parametrize(
    ("unknown", "error"),
    [
        ({"type": "sample.Newer"}, "UnknownEventError: sample.Newer is unknown to this process"),
        ({"schema": 2}, "UnknownEventError: sample.Added has schema 2; this process knows it up to 1"),
        ({"type": "bus.DeliverySkipped"}, "UnknownEventError: red has no handler for bus.DeliverySkipped"),
    ],
)
def test_an_unreadable_event_waits_for_a_newer_process_and_then_is_dead(
    red: None, pass_time: Callable[[float], None], unknown: dict[str, Any], error: str
) -> None:
    add(1)
    Event.objects.update(payload=_SKIPPED, **unknown)

    for attempt in range(1, 8):
        bus.run_until_idle()
        assert Delivery.objects.values_list("attempts", "dead", "error").get() == (attempt, False, error)
        pass_time(29)
        bus.run_until_idle()
        assert Delivery.objects.get().attempts == attempt
        pass_time(2)
    bus.run_until_idle()

    assert Delivery.objects.values_list("dead", "error").get() == (True, error)
    assert handled() == []


def test_an_external_handler_runs_outside_any_transaction(connect: Connect) -> None:
    seen: list[object] = []

    def look(_: Added) -> None:
        seen.append((transaction.get_connection().in_atomic_block, current_id()))

    connect({Added: [bus.external(handler_of(RED, look))]})
    (event_id,) = add(1)

    assert bus.run_until_idle() == 1

    assert seen == [(False, event_id)]
    assert not Delivery.objects.exists()


def test_an_external_handler_that_fails_is_called_again_with_the_same_event(connect: Connect, pass_time: Callable[[float], None]) -> None:
    keys: list[object] = []

    def fail_once(_: Added) -> None:
        keys.append(current_id())
        if len(keys) == 1:
            raise TimeoutError

    connect({Added: [bus.external(handler_of(RED, fail_once))]})
    (event_id,) = add(1)

    bus.run_until_idle()
    pass_time(LONGEST_BACKOFF_S)
    bus.run_until_idle()

    assert keys == [event_id, event_id]
