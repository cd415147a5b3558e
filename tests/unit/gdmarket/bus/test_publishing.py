"""An event is written down with the change it tells of, or not at all."""

import threading
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
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, MIDNIGHT, RED, Poured, Spilled, notes, pour, reader


@dataclass(frozen=True, kw_only=True, slots=True)
class Forgotten:
    __module__ = "apps.kitchen.events"

    occurred_at: datetime = MIDNIGHT


def test_publishing_outside_a_transaction_is_refused(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    with pytest.raises(bus.OutsideTransactionError, match="transaction_for"):
        bus.publish(Poured(n=1), stream="cup:1")

    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_an_event_is_delivered_to_every_subscriber_and_to_nobody_else(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)], Spilled: []})

    pour(1)

    assert list(Delivery.objects.order_by("subscriber").values_list("subscriber", "lane", "version")) == [
        (BLUE, "cup:1", 1),
        (RED, "cup:1", 1),
    ]


def test_an_event_nobody_hears_is_recorded_all_the_same(hear: Connect) -> None:
    hear({Spilled: []})

    with transaction.atomic():
        event_id = bus.publish(Spilled(n=3), stream="floor:1")

    row = Event.objects.get()
    assert (row.id, row.type, row.schema, row.stream, row.version) == (event_id, "kitchen.Spilled", 2, "floor:1", 1)
    assert row.payload == {"n": 3, "occurred_at": "2026-01-01T00:00:00Z"}
    assert row.occurred_at == MIDNIGHT
    assert not Delivery.objects.exists()


def test_a_rolled_back_change_takes_its_event_with_it(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    with transaction.atomic():
        bus.publish(Poured(n=1), stream="cup:1")
        transaction.set_rollback(True)

    assert not Event.objects.exists()
    assert not Delivery.objects.exists()


def test_a_rolled_back_savepoint_takes_only_its_own_event(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})

    with transaction.atomic():
        bus.publish(Poured(n=1), stream="cup:1")
        with transaction.atomic():
            bus.publish(Poured(n=2), stream="cup:1")
            transaction.set_rollback(True)
        bus.publish(Poured(n=3), stream="cup:1")

    bus.run_until_idle()
    assert notes() == [1, 3]
    assert list(Event.objects.order_by("seq").values_list("version", flat=True)) == [1, 2]


def test_versions_count_within_a_stream(hear: Connect) -> None:
    hear({Poured: []})

    pour(1, 2, cup=1)
    pour(3, cup=2)
    pour(4, cup=1)

    assert list(Event.objects.order_by("seq").values_list("stream", "version")) == [("cup:1", 1), ("cup:1", 2), ("cup:2", 1), ("cup:1", 3)]


def test_a_class_that_is_not_among_the_subscriptions_is_refused(hear: Connect) -> None:
    hear({Poured: []})

    with pytest.raises(bus.UnknownEventError, match=r"kitchen\.Forgotten is not in config/subscriptions\.py"), transaction.atomic():
        bus.publish(Forgotten(), stream="cup:1")

    assert not Event.objects.exists()


@pytest.mark.parametrize("stream", ["", "cup", "cup:", "1:cup", "Cup:1", "cup:a b", "cup:1\n", "cup:" + "x" * 125])
def test_a_stream_without_a_kind_and_a_key_is_refused(hear: Connect, stream: str) -> None:
    hear({Poured: []})

    with pytest.raises(ValueError, match="kind:key"), transaction.atomic():
        bus.publish(Poured(n=1), stream=stream)

    assert not Event.objects.exists()


def test_an_event_bears_the_story_it_belongs_to(hear: Connect) -> None:
    hear({Poured: []})
    cause = UUID(int=7)

    with correlation.use(Trace(correlation="story-1", causation=cause, traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", actor="kim")):
        pour(1)

    row = Event.objects.get()
    assert (row.correlation, row.causation, row.traceparent[:36], row.actor) == ("story-1", cause, "00-" + "a" * 32 + "-", "kim")


def test_what_a_handler_publishes_is_caused_by_what_it_heard(hear: Connect) -> None:
    def spill(event: Poured) -> None:
        bus.publish(Spilled(n=event.n), stream="floor:1")

    hear({Poured: [reader(RED, spill)], Spilled: []})
    with correlation.use(Trace(correlation="story-1", traceparent="00-" + "a" * 32 + "-" + "b" * 16 + "-01", actor="kim")):
        (poured,) = pour(1)

    bus.run_until_idle()

    spilled = Event.objects.get(type="kitchen.Spilled")
    assert (spilled.correlation, spilled.causation, spilled.actor) == ("story-1", poured, "kim")
    assert spilled.traceparent[3:35] == "a" * 32
    assert bus.current() is None


def test_the_history_of_some_streams_is_read_each_in_its_order(hear: Connect) -> None:
    hear({Poured: [], Spilled: []})
    pour(1, cup="red")
    pour(2, cup="blue")
    pour(3, cup="green")
    with transaction.atomic():
        bus.publish(Spilled(n=4), stream="cup:red")
    pour(5, 6, cup="red")
    pour(7, cup="blue")

    told = bus.history(reader=RED, streams=["cup:red", "cup:blue", "cup:red"], types=[Poured])

    assert [(found.stream, found.event.n) for found in told] == [("cup:blue", n) for n in (2, 7)] + [("cup:red", n) for n in (1, 5, 6)]
    assert [found.event.n for found in bus.history(reader=RED, streams={"cup:red"}, types=[Poured, Spilled])] == [1, 4, 5, 6]
    assert bus.history(reader=RED, streams=["cup:none"], types=[Poured]) == []
    assert bus.history(reader=RED, streams=[], types=[Poured]) == []


def test_reading_a_stream_does_not_walk_the_log(hear: Connect) -> None:
    hear({Poured: []})
    pour(1)

    with CaptureQueriesContext(connection) as captured:
        bus.history(reader=RED, streams=["cup:1"], types=[Poured])

    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL enable_seqscan = off")  # a table this small would be read whole
        cursor.execute(f"EXPLAIN {'QUERY PLAN' if connection.vendor == 'sqlite' else ''} {captured[0]['sql']}")
        plan = str(cursor.fetchall())
    assert "bus_event_stream_version" in plan or "(stream=?)" in plan
    assert "bus_event_type_seq" not in plan


def test_the_database_keeps_no_version_of_a_stream_twice(hear: Connect) -> None:
    hear({Poured: []})
    pour(1)
    row = Event.objects.get()
    row.pk, row.id = None, uuid7()

    with pytest.raises(IntegrityError, match="stream"), transaction.atomic():
        row.save(force_insert=True)

    assert Event.objects.count() == 1


def test_the_database_has_no_version_delivered_to_a_subscriber_twice(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1)
    row = Delivery.objects.get()
    row.pk = None

    with pytest.raises(IntegrityError, match="lane"), transaction.atomic():
        row.save(force_insert=True)

    assert Delivery.objects.count() == 1


@pytest.mark.postgresql
def test_two_publishers_without_a_lock_collide_rather_than_mix_up_the_stream(hear: Connect) -> None:
    hear({Poured: []})
    published, refused = threading.Event(), []

    def publish_second() -> None:
        published.wait(10)
        try:
            pour(2)
        except IntegrityError as collision:
            refused.append(collision)
        finally:
            connection.close()

    second = threading.Thread(target=publish_second)
    second.start()
    with transaction.atomic():
        bus.publish(Poured(n=1), stream="cup:1")
        published.set()
        second.join(0.5)
    second.join(10)

    assert len(refused) == 1
    assert [found.event.n for found in recorded([Poured])] == [1]
