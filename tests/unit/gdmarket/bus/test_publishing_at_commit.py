"""What a transaction publishes is written at its end, all at once, with the change or not at all."""

import signal
import subprocess
import sys
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from gdmarket import bus, databases
from gdmarket.bus import publishing
from gdmarket.bus.models import Delivery, Event
from tests.unit.gdmarket.bus.conftest import Connect, start
from tests.unit.gdmarket.bus.sample import BLUE, MIDNIGHT, RED, Added, Removed, add, handled, handler_of, record


def scope(*, savepoint: bool = False) -> databases.TransactionScope:
    return databases.transaction_for("sample", savepoint=savepoint)


def publish(n: int) -> None:
    bus.publish(Added(n=n), stream="counter:1")


def publish_and_fail(part: AbstractContextManager[object], n: int) -> None:
    with part:
        publish(n)
        raise KeyError


def logged() -> list[tuple[str, int, int]]:
    """Return the log: each event's stream, version and number."""
    return [(row.stream, row.version, row.payload["n"]) for row in Event.objects.order_by("seq")]


def test_a_transaction_s_events_and_deliveries_are_written_together(red_and_blue: None) -> None:
    add(1, counter=2)

    with CaptureQueriesContext(connection) as captured, scope():
        for n, counter in ((2, 1), (3, 2), (4, 1)):
            bus.publish(Added(n=n), stream=f"counter:{counter}")
        bus.publish(Added(n=5), stream="counter:1", at=MIDNIGHT)
        assert Event.objects.count() == 1

    writes = [query["sql"] for query in captured if "INSERT" in query["sql"]]
    assert len(writes) == (1 if connection.vendor == "postgresql" else 2)
    assert logged() == [("counter:2", 1, 1), ("counter:1", 1, 2), ("counter:2", 2, 3), ("counter:1", 2, 4), ("counter:1", 3, 5)]
    timer = Event.objects.get(due_at=MIDNIGHT)
    red = Delivery.objects.filter(subscriber=RED).order_by("event_id").values_list("lane", "version")
    assert list(red) == [("counter:2", 1), ("counter:1", 1), ("counter:2", 2), ("counter:1", 2), (str(timer.id), 0)]
    assert Delivery.objects.filter(subscriber=BLUE).count() == 5
    assert bus.run_until_idle() == 10
    assert sorted(handled(counter=1)) == [2, 4, 5]
    assert handled(counter=2) == [1, 3]


def test_more_events_than_a_statement_takes_keep_their_order(red: None) -> None:
    add(*range(1201))

    assert logged() == [("counter:1", n + 1, n) for n in range(1201)]
    assert bus.run_until_idle() == 1201
    assert handled() == list(range(1201))


def test_ids_are_known_at_once(red: None) -> None:
    ids = add(1, 2)

    assert list(Event.objects.order_by("seq").values_list("id", flat=True)) == ids


def test_what_a_part_published_is_dropped_with_its_savepoint(red: None) -> None:
    with scope():
        publish(1)
        with pytest.raises(KeyError):
            publish_and_fail(scope(savepoint=True), 2)
        with pytest.raises(KeyError):
            publish_and_fail(transaction.atomic(), 3)
        with scope(savepoint=True):
            bus.publish(Added(n=4), stream="counter:1")
        with scope():
            bus.publish(Added(n=5), stream="counter:1")

    assert logged() == [("counter:1", 1, 1), ("counter:1", 2, 4), ("counter:1", 3, 5)]


def test_an_error_in_a_part_without_a_savepoint_rolls_everything_back(red: None) -> None:
    with scope():
        publish(1)
        with pytest.raises(KeyError):
            publish_and_fail(scope(), 2)

    assert logged() == []


def test_parts_without_a_savepoint_cost_no_statement(red: None) -> None:
    with CaptureQueriesContext(connection) as captured, scope(), scope(), scope():
        pass

    assert [query["sql"] for query in captured if "SAVEPOINT" in query["sql"]] == []


@pytest.mark.parametrize("savepoint", [False, True])
def test_an_error_between_publish_and_the_end_loses_the_change_and_the_event(red: None, *, savepoint: bool) -> None:
    def change_and_fail() -> None:
        with scope():
            record(RED, 1)
            with scope(savepoint=savepoint):
                publish(1)
            raise KeyError

    with pytest.raises(KeyError):
        change_and_fail()

    assert (handled(), logged(), Delivery.objects.count()) == ([], [], 0)
    add(2)
    assert logged() == [("counter:1", 1, 2)]


def test_an_error_while_the_events_are_written_loses_the_change_too(red: None) -> None:
    def change() -> None:
        with scope():
            record(RED, 1)
            publish(1)

    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE bus_event RENAME TO bus_elsewhere")
    try:
        with pytest.raises(DatabaseError, match="bus_event"):
            change()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE bus_elsewhere RENAME TO bus_event")

    assert (handled(), logged()) == ([], [])
    add(2)
    assert logged() == [("counter:1", 1, 2)]


def test_a_transaction_that_is_to_be_rolled_back_writes_nothing(red: None) -> None:
    with scope():
        publish(1)
        transaction.set_rollback(True)

    assert logged() == []


def test_in_a_transaction_of_somebody_else_events_are_written_at_the_end_of_ours(red: None) -> None:
    with transaction.atomic():
        with scope():
            publish(1)
            assert logged() == []
        assert logged() == [("counter:1", 1, 1)]
        with pytest.raises(KeyError):
            publish_and_fail(scope(), 2)
        bus.publish(Added(n=3), stream="counter:1")
        assert logged() == [("counter:1", 1, 1), ("counter:1", 2, 3)]


def test_what_a_handler_publishes_is_written_before_its_acknowledgement(connect: Connect) -> None:
    def remove(event: Added) -> None:
        with scope():
            bus.publish(Removed(n=event.n), stream="other:1")
        assert Event.objects.count() == 1
        if event.n == 2:
            raise bus.Reject("after it has published")

    connect({Added: [handler_of(RED, remove)], Removed: []})
    add(1)

    with CaptureQueriesContext(connection) as captured:
        bus.run_until_idle()

    order = [word for query in captured for word in ("INSERT INTO bus_event", "DELETE") if word in query["sql"]]
    assert sorted(order) == ["DELETE", "INSERT INTO bus_event"]
    assert [row.type for row in Event.objects.order_by("seq")] == ["sample.Added", "sample.Removed"]


def test_what_a_failed_handler_published_is_dropped(connect: Connect) -> None:
    def remove(event: Added) -> None:
        bus.publish(Removed(n=event.n), stream="other:1")
        raise bus.Reject("after it has published")

    connect({Added: [handler_of(RED, remove)], Removed: []})
    add(1)

    bus.run_until_idle()

    assert [row.type for row in Event.objects.all()] == ["sample.Added"]


def test_a_process_killed_before_its_commit_leaves_neither(red: None, process_environment: dict[str, str]) -> None:
    code = f"""
import os, signal
import django; django.setup()
from apps.accounts.events import ManagerSuspended
from apps.accounts.models import User
from gdmarket import bus, clock, databases, ids
with databases.transaction_for("accounts"):
    person = User.objects.create(email="kim@example.com", display_name="Kim")
    bus.publish(ManagerSuspended(manager_id=person.id, version=1, occurred_at=clock.now()), stream=f"manager:{{person.id}}")
    os.kill(os.getpid(), signal.{signal.SIGKILL.name})
"""
    killed = subprocess.run([sys.executable, "-c", code], env={**process_environment, "PYTHONPATH": str(Path.cwd())}, check=False)

    assert killed.returncode == -signal.SIGKILL
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM accounts_user WHERE email = 'kim@example.com'")
        assert cursor.fetchone() == (0,)
    assert logged() == []


def is_somebody_waiting_for_us() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid)))")
        return bool(cursor.fetchone()[0])


@pytest.mark.postgresql
def test_two_transactions_without_a_lock_collide_at_their_ends(no_subscribers: None) -> None:
    written = threading.Event()

    def publish_second() -> None:
        written.wait(10)
        add(2)

    second = start(publish_second)
    with scope():
        publish(1)
        publishing.write_published("default")
        written.set()
        while not is_somebody_waiting_for_us():
            assert not second.done()
            time.sleep(0.01)

    with pytest.raises(IntegrityError):
        second.result(10)
    assert logged() == [("counter:1", 1, 1)]
