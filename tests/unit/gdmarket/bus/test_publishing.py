"""An event commits with the change that it reports, or not at all."""

import threading
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from gdmarket import bus, correlation
from gdmarket.bus.models import Delivery, Event
from gdmarket.correlation import Trace
from gdmarket.ids import uuid7
from tests.log import recorded
from tests.unit.gdmarket.bus.conftest import Connect, start
from tests.unit.gdmarket.bus.sample import BLUE, MIDNIGHT, RED, Added, Removed, add, handled, handler_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Unlisted:
    __module__ = "apps.sample.events"

    occurred_at: datetime = MIDNIGHT


def test_publishing_outside_a_transaction_is_refused(red: None) -> None:
    with pytest.raises(bus.OutsideTransactionError, match="transaction_for"):
        bus.publish(Added(n=1), stream="counter:1")

    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_an_event_is_delivered_to_its_subscribers_only(connect: Connect) -> None:
    connect({Added: [handler_of(RED), handler_of(BLUE)], Removed: []})

    add(1)

    assert list(Delivery.objects.order_by("subscriber").values_list("subscriber", "lane", "version")) == [
        (BLUE, "counter:1", 1),
        (RED, "counter:1", 1),
    ]


def test_an_event_without_subscribers_is_recorded(connect: Connect) -> None:
    connect({Removed: []})

    with transaction.atomic():
        event_id = bus.publish(Removed(n=3), stream="other:1")

    row = Event.objects.get()
    assert (row.id, row.type, row.schema, row.stream, row.version) == (event_id, "sample.Removed", 2, "other:1", 1)
    assert row.payload == {"n": 3, "occurred_at": "2026-01-01T00:00:00Z"}
    assert row.occurred_at == MIDNIGHT
    assert not Delivery.objects.exists()


def test_a_rolled_back_change_takes_its_own_event_with_it(red: None) -> None:
    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        with transaction.atomic():
            bus.publish(Added(n=2), stream="counter:1")
            transaction.set_rollback(True)
        bus.publish(Added(n=3), stream="counter:1")

    bus.run_until_idle()
    assert handled() == [1, 3]
    assert list(Event.objects.order_by("seq").values_list("version", flat=True)) == [1, 2]


def test_versions_count_within_a_stream(no_subscribers: None) -> None:
    add(1, 2, counter=1)
    add(3, counter=2)
    add(4, counter=1)

    assert list(Event.objects.order_by("seq").values_list("stream", "version")) == [
        ("counter:1", 1),
        ("counter:1", 2),
        ("counter:2", 1),
        ("counter:1", 3),
    ]


def test_a_class_that_is_not_among_the_subscriptions_is_refused(no_subscribers: None) -> None:
    with pytest.raises(bus.UnknownEventError, match=r"sample\.Unlisted is not in config/subscriptions\.py"), transaction.atomic():
        bus.publish(Unlisted(), stream="counter:1")

    assert not Event.objects.exists()


@pytest.mark.parametrize("stream", ["", "c", "c:", "1:c", "C:1", "c:a b", "c:1\n", "c:" + "x" * 127])
def test_a_stream_without_a_kind_and_a_key_is_refused(no_subscribers: None, stream: str) -> None:
    with pytest.raises(ValueError, match="kind:key"), transaction.atomic():
        bus.publish(Added(n=1), stream=stream)

    assert not Event.objects.exists()


def test_an_event_has_the_current_correlation(no_subscribers: None) -> None:
    cause = UUID(int=7)

    with correlation.use(Trace(correlation="trace-1", causation=cause, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", actor="kim")):
        add(1)

    row = Event.objects.get()
    assert (row.correlation, row.causation, row.traceparent[:36], row.actor) == ("trace-1", cause, "00-" + "a" * 32 + "-", "kim")


def test_what_a_handler_publishes_is_caused_by_its_event(connect: Connect) -> None:
    def remove(event: Added) -> None:
        bus.publish(Removed(n=event.n), stream="other:1")

    connect({Added: [handler_of(RED, remove)], Removed: []})
    with correlation.use(Trace(correlation="trace-1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", actor="kim")):
        (added,) = add(1)

    bus.run_until_idle()

    removed = Event.objects.get(type="sample.Removed")
    assert (removed.correlation, removed.causation, removed.actor) == ("trace-1", added, "kim")
    assert removed.traceparent[3:35] == "a" * 32
    assert bus.current() is None


def test_the_history_of_some_streams_is_read_each_in_its_order(connect: Connect) -> None:
    connect({Added: [handler_of(RED), handler_of(BLUE)], Removed: [handler_of(BLUE)]})
    add(1, counter="red")
    add(2, counter="blue")
    add(3, counter="green")
    with transaction.atomic():
        bus.publish(Removed(n=4), stream="counter:red")
    add(5, 6, counter="red")
    add(7, counter="blue")

    found = bus.history(reader=RED, streams=["counter:red", "counter:blue", "counter:red"])

    assert [(row.stream, row.event.n) for row in found] == [("counter:blue", n) for n in (2, 7)] + [("counter:red", n) for n in (1, 5, 6)]
    assert [found.event.n for found in bus.history(reader=BLUE, streams={"counter:red"})] == [1, 4, 5, 6]
    assert bus.history(reader=RED, streams=["counter:none"]) == []
    assert bus.history(reader=RED, streams=[]) == []


def test_reading_a_stream_uses_its_index(no_subscribers: None) -> None:
    add(1)

    with CaptureQueriesContext(connection) as captured:
        bus.history(reader=RED, streams=["counter:1"])

    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table this small would be read whole
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {captured[0]['sql']}")
        plan = str(cursor.fetchall())
    assert "bus_event_stream_version" in plan or "(stream=?)" in plan
    assert "bus_event_type_seq" not in plan


def test_the_database_keeps_no_version_of_a_stream_twice(no_subscribers: None) -> None:
    add(1)
    row = Event.objects.get()
    row.pk, row.id = None, uuid7()

    with pytest.raises(IntegrityError, match="stream"), transaction.atomic():
        row.save(force_insert=True)

    assert Event.objects.count() == 1


def test_the_database_keeps_no_delivery_of_a_version_twice(red: None) -> None:
    add(1)
    row = Delivery.objects.get()
    row.pk = None

    with pytest.raises(IntegrityError, match="lane"), transaction.atomic():
        row.save(force_insert=True)

    assert Delivery.objects.count() == 1


@pytest.mark.postgresql
def test_two_publishers_without_a_lock_collide_rather_than_mix_up_the_stream(no_subscribers: None) -> None:
    published = threading.Event()

    def publish_second() -> None:
        published.wait(10)
        add(2)

    second = start(publish_second)
    with transaction.atomic():
        bus.publish(Added(n=1), stream="counter:1")
        published.set()
        wait([second], timeout=0.5)

    with pytest.raises(IntegrityError):
        second.result(10)
    assert [found.event.n for found in recorded([Added])] == [1]
