"""What a handler may answer, and what becomes of an event that nobody can handle."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from gdmarket import bus
from gdmarket.bus.models import Delivery, Event
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import RED, Poured, notes, pour, reader, write_down

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


def fail(_: Poured) -> None:
    raise RuntimeError("broken\0pipe")


def test_a_handler_that_fails_leaves_no_trace_of_its_work(hear: Connect) -> None:
    def write_then_fail(event: Poured) -> None:
        write_down(RED, event.n)
        raise RuntimeError

    hear({Poured: [reader(RED, write_then_fail)]})
    pour(1)

    assert bus.run_until_idle() == 0

    assert notes() == []


def test_a_failing_delivery_is_dead_after_eight_attempts(hear: Connect, wait: Callable[[float], None]) -> None:
    attempts: list[int] = []

    def count_and_fail(event: Poured) -> None:
        attempts.append(event.n)
        fail(event)

    hear({Poured: [reader(RED, count_and_fail)]})
    pour(1)

    for _ in range(12):
        bus.run_until_idle()
        wait(LONGEST_BACKOFF_S)

    assert len(attempts) == 8
    delivery = Delivery.objects.get()
    assert (delivery.dead, delivery.attempts, delivery.token, delivery.error) == (True, 8, None, "RuntimeError: broken�pipe")


def test_a_failure_backs_off_no_longer_than_its_attempts_call_for(hear: Connect) -> None:
    hear({Poured: [reader(RED, fail)]})
    pour(1)
    before = Delivery.objects.get().not_before

    bus.run_until_idle()

    delivery = Delivery.objects.get()
    assert 1 <= delivery.attempts <= 8
    assert (delivery.not_before - before).total_seconds() < 60


def test_a_wish_to_try_later_is_granted_for_ever(hear: Connect, wait: Callable[[float], None], caplog: pytest.LogCaptureFixture) -> None:
    asked: list[int] = []

    def ask_ten_times(event: Poured) -> None:
        asked.append(event.n)
        if len(asked) <= 10:
            raise bus.Retry("the shop is closed", after_s=60)

    hear({Poured: [reader(RED, ask_ten_times)]})
    pour(1)

    with caplog.at_level(logging.INFO):
        for _ in range(10):
            assert bus.run_until_idle() == 0
            wait(59)
            assert bus.run_until_idle() == 0
            wait(2)

    assert Delivery.objects.get().attempts == 0
    assert caplog.text.count("the shop is closed") == 10
    assert bus.run_until_idle() == 1
    assert notes() == [1]


def test_a_wish_to_try_later_undoes_what_was_written(hear: Connect) -> None:
    def write_then_wait(event: Poured) -> None:
        write_down(RED, event.n)
        raise bus.Retry(after_s=0)

    hear({Poured: [reader(RED, write_then_wait)]})
    pour(1)

    bus.run_until_idle()

    assert notes() == []


def test_a_rejected_event_is_dead_at_once(hear: Connect) -> None:
    def reject(_: Poured) -> None:
        raise bus.Reject("no such cup")

    hear({Poured: [reader(RED, reject)]})
    pour(1, 2)

    assert bus.run_until_idle() == 0

    head, follower = Delivery.objects.order_by("version")
    assert (head.dead, head.error) == (True, "Reject: no such cup")
    assert (follower.dead, follower.token, follower.attempts) == (False, None, 0)


def test_an_event_that_does_not_fit_its_class_is_dead_at_once(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    Event.objects.update(payload={"n": "many", "occurred_at": "2026-01-01T00:00:00Z"})

    bus.run_until_idle()

    delivery = Delivery.objects.get()
    assert delivery.dead
    assert delivery.error.startswith("UndecodableError: event ")
    assert "version 1 of cup:1: kitchen.Poured: " in delivery.error


def test_a_field_that_only_newer_publishers_know_is_ignored(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    Event.objects.update(payload={"n": 1, "colour": "green", "occurred_at": "2026-01-01T00:00:00Z"})

    assert bus.run_until_idle() == 1


@pytest.mark.parametrize(
    ("unknown", "error"),
    [
        ({"type": "kitchen.Evaporated"}, "UnknownEventError: kitchen.Evaporated is unknown to this process"),
        ({"schema": 2}, "UnknownEventError: kitchen.Poured has schema 2; this process knows it up to 1"),
        ({"type": "bus.DeliverySkipped"}, "UnknownEventError: red has no handler for bus.DeliverySkipped"),
    ],
)
def test_what_only_a_newer_process_can_read_waits_for_one_and_then_is_dead(
    hear: Connect, wait: Callable[[float], None], unknown: dict[str, Any], error: str
) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    Event.objects.update(payload=_SKIPPED, **unknown)

    for attempt in range(1, 8):
        bus.run_until_idle()
        assert Delivery.objects.values_list("attempts", "dead", "error").get() == (attempt, False, error)
        wait(29)
        bus.run_until_idle()
        assert Delivery.objects.get().attempts == attempt
        wait(2)
    bus.run_until_idle()

    assert Delivery.objects.values_list("dead", "error").get() == (True, error)
    assert notes() == []


def test_an_external_handler_runs_outside_any_transaction(hear: Connect) -> None:
    seen: list[object] = []

    @bus.external
    def on_poured(_: Poured) -> None:
        current = bus.current()
        assert current is not None
        seen.append((transaction.get_connection().in_atomic_block, current.id))

    on_poured.__module__ = "apps.red.handlers"
    hear({Poured: [on_poured]})
    (event_id,) = pour(1)

    assert bus.run_until_idle() == 1

    assert seen == [(False, event_id)]
    assert not Delivery.objects.exists()


def test_an_external_handler_that_fails_is_called_again_with_the_same_event(hear: Connect, wait: Callable[[float], None]) -> None:
    keys: list[object] = []

    @bus.external
    def on_poured(_: Poured) -> None:
        current = bus.current()
        assert current is not None
        keys.append(current.id)
        if len(keys) == 1:
            raise TimeoutError

    on_poured.__module__ = "apps.red.handlers"
    hear({Poured: [on_poured]})
    (event_id,) = pour(1)

    bus.run_until_idle()
    wait(LONGEST_BACKOFF_S)
    bus.run_until_idle()

    assert keys == [event_id, event_id]
