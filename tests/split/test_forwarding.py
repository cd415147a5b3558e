"""Events are forwarded to other databases: each copied once, in order, into the log where it is handled."""

import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections

from apps.items.models import BusyPeriod
from apps.status_view.models import RentalStatus
from deploy.servers.waiting import wait_until
from gdmarket import bus, databases
from gdmarket.bus import claims, dispatch, relay, subscriptions
from gdmarket.bus.errors import OutsideTransactionError
from gdmarket.bus.models import Delivery, Event
from gdmarket.ids import uuid7
from tests.split.conftest import Market, Subscribe
from tests.split.sample import (
    RENTALS,
    TO_ITEMS,
    TO_VIEW,
    VIEW,
    SampleEvent,
    outstanding,
    publish,
    received_by,
    recording_handler,
    unreachable,
)

pytestmark = pytest.mark.split

COPIED = [field.name for field in Event._meta.concrete_fields if field.name != "seq"]


def always() -> bool:
    return True


def logged(alias: str) -> list[dict[str, Any]]:
    return list(Event.objects.using(alias).order_by("stream", "version").values(*COPIED))


def test_an_event_is_copied_as_it_is_and_handled_in_order(subscribe: Subscribe) -> None:
    subscribe({SampleEvent: [recording_handler("status_view"), recording_handler("items"), recording_handler("rentals")]})
    for n in range(1, 31):
        publish(n, stream_number=n % 3)

    bus.run_until_idle()

    for context in ("status_view", "items", "rentals"):
        assert received_by(context, stream_number=1) == [1, 4, 7, 10, 13, 16, 19, 22, 25, 28]
        assert sorted(received_by(context)) == list(range(1, 31))
    assert logged(RENTALS) == logged(VIEW) == logged("items")
    assert not any(Delivery.objects.using(alias).exists() for alias in databases.aliases())


def test_an_event_without_subscribers_elsewhere_is_not_forwarded(subscribe: Subscribe) -> None:
    subscribe({SampleEvent: [recording_handler("rentals")]})
    publish(1)

    bus.run_until_idle()

    assert (received_by("rentals"), logged("items"), logged(VIEW)) == ([1], [], [])


def test_an_event_is_published_in_its_own_contexts_transaction_and_no_other(subscribe: Subscribe) -> None:
    subscribe({SampleEvent: [recording_handler("items")]})
    with databases.transaction_for("items"), databases.transaction_for("status_view"), pytest.raises(OutsideTransactionError):
        bus.publish(SampleEvent(n=1), stream="stream:1")

    assert logged(RENTALS) == logged("items") == []


def test_two_forwarders_of_one_event_leave_one_copy_that_is_handled_once(subscribe: Subscribe, advance: Callable[[float], None]) -> None:
    subscribe({SampleEvent: [recording_handler("status_view")]})
    publish(1, 2, 3)
    stalled = claims.claim_lanes(subscriber=TO_VIEW)
    advance(11)
    while reclaimed := claims.claim_expired(subscriber=TO_VIEW):
        dispatch.work(claimed=reclaimed, keep_going=always)
    bus.run_until_idle()

    done = dispatch.work(claimed=stalled, keep_going=always)
    bus.run_until_idle()

    assert (len(stalled), done, received_by("status_view")) == (3, 0, [1, 2, 3])
    assert len(logged(VIEW)) == 3


def test_an_event_whose_version_is_taken_blocks_its_own_lane_alone(subscribe: Subscribe, advance: Callable[[float], None]) -> None:
    subscribe({SampleEvent: [recording_handler("status_view")]})
    publish(1, stream_number=1)
    original = Event.objects.using(RENTALS).get()
    Event.objects.using(VIEW).create(**{**{name: getattr(original, name) for name in COPIED}, "id": uuid7()})
    publish(2, stream_number=2)

    for _ in range(10):
        bus.run_until_idle()
        advance(400)

    (dead,) = outstanding(TO_VIEW, using=RENTALS)
    assert (dead.dead, dead.lane, received_by("status_view")) == (True, "stream:1", [2])


def test_a_database_that_is_down_blocks_no_other_and_loses_nothing(subscribe: Subscribe, advance: Callable[[float], None]) -> None:
    subscribe({SampleEvent: [recording_handler("status_view"), recording_handler("items")]})

    with unreachable(VIEW):
        for n in range(1, 41):
            publish(n, stream_number=n % 20)
        bus.run_until_idle(contexts=(TO_VIEW, TO_ITEMS, "items"))
        waiting = outstanding(TO_VIEW, using=RENTALS)
        assert sorted(received_by("items")) == list(range(1, 41))
        assert {(row.dead, row.attempts) for row in waiting} == {(False, 0)}
        for _ in range(10):
            advance(5)
            bus.run_until_idle(contexts=(TO_VIEW, TO_ITEMS, "items"))
    assert (len(outstanding(TO_VIEW, using=RENTALS)), {row.dead for row in waiting}) == (40, {False})

    advance(5)
    bus.run_until_idle()

    assert received_by("status_view", stream_number=7) == [7, 27]
    assert sorted(received_by("status_view")) == list(range(1, 41))


@pytest.mark.parametrize("context", ["items", "payments"])
@pytest.mark.parametrize("lacks", ["TABLE bus_event RENAME TO bus_{}", "TABLE bus_event RENAME COLUMN actor TO bus_{}"])
def test_a_log_that_lacks_a_table_or_a_column_is_not_a_database_that_is_down(
    subscribe: Subscribe, advance: Callable[[float], None], context: str, lacks: str
) -> None:
    subscribe({SampleEvent: [recording_handler(context)]})
    publish(1)
    remove, restore = f"ALTER {lacks}".format("elsewhere"), "ALTER TABLE bus_elsewhere RENAME TO bus_event"
    if "COLUMN" in lacks:
        restore = "ALTER TABLE bus_event RENAME COLUMN bus_elsewhere TO actor"
    with connections[context].cursor() as cursor:
        cursor.execute(remove)
    try:
        for _ in range(10):
            bus.run_until_idle(contexts=(f"{RENTALS}-to-{context}",))
            advance(400)
    finally:
        with connections[context].cursor() as cursor:
            cursor.execute(restore)

    (dead,) = outstanding(f"{RENTALS}-to-{context}", using=RENTALS)
    assert dead.dead
    assert ("actor" if "COLUMN" in lacks else "bus_event") in dead.error


def test_a_relay_goes_on_while_a_database_is_down(subscribe: Subscribe) -> None:
    subscribe({SampleEvent: [recording_handler("status_view"), recording_handler("items")]})
    stop = threading.Event()
    thread = threading.Thread(target=relay.run, kwargs={"keep_going": lambda: not stop.is_set()})

    try:
        with unreachable(VIEW):
            thread.start()
            publish(1, 2, 3)
            wait_until(lambda: received_by("items") == [1, 2, 3], "the events to be handled")
            publish(4)
            wait_until(lambda: received_by("items") == [1, 2, 3, 4], "the events to be handled")
        wait_until(lambda: received_by("status_view") == [1, 2, 3, 4], "the events to be handled")
    finally:
        stop.set()
        thread.join(60)
    assert not thread.is_alive()


def test_a_paused_context_gets_its_copies_and_catches_up_in_order(subscribe: Subscribe) -> None:
    subscribe({SampleEvent: [recording_handler("status_view")]})
    subscriptions.pause(context="status_view")
    publish(1, 2, 3)
    bus.run_until_idle()
    assert (len(logged(VIEW)), received_by("status_view")) == (3, [])

    subscriptions.resume(context="status_view")
    bus.run_until_idle()

    assert received_by("status_view") == [1, 2, 3]


def test_a_timer_is_copied_when_it_is_due_and_waits_for_no_stream(subscribe: Subscribe, advance: Callable[[float], None]) -> None:
    subscribe({SampleEvent: [recording_handler("status_view")]})
    (timer,) = publish(9, at=datetime.now(UTC) + timedelta(hours=1))
    publish(1)

    bus.run_until_idle()
    assert received_by("status_view") == [1]
    (waiting,) = outstanding(TO_VIEW, using=RENTALS)
    assert (waiting.version, waiting.lane) == (0, str(timer))

    advance(3601)
    bus.run_until_idle()

    assert received_by("status_view") == [1, 9]
    assert logged(VIEW) == logged(RENTALS)


def test_inline_dispatch_crosses_databases(subscribe: Subscribe, settings: Any) -> None:
    subscribe({SampleEvent: [recording_handler("status_view"), recording_handler("items")]})
    settings.GDMARKET_DISPATCH = "inline"

    publish(1, 2)

    assert (received_by("status_view"), received_by("items")) == ([1, 2], [1, 2])


def test_a_relay_that_dies_between_the_two_commits_has_copied_once(
    market: Market, settings: Any, process_environment: dict[str, str], advance: Callable[[float], None]
) -> None:
    settings.GDMARKET_DISPATCH = "off"
    item = market.register()
    bus.run_until_idle()
    rental = market.request(item)

    killed = subprocess.run(
        [sys.executable, "manage.py", "relay", "--once"],
        env=process_environment | {"GDMARKET_CRASH_AT": "event-copied", "GDMARKET_DISPATCH": "off"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    copied = [alias for alias in ("items", VIEW) if Event.objects.using(alias).filter(type="rentals.RentalRequested").exists()]
    leased = Delivery.objects.using(RENTALS).filter(token__isnull=False, subscriber__contains="-to-").count()
    advance(11)
    bus.run_until_idle()

    assert (killed.returncode, len(copied)) == (-9, 1), killed.stderr
    assert leased
    assert [Event.objects.using(alias).filter(type="rentals.RentalRequested").count() for alias in ("items", VIEW)] == [1, 1]
    assert [fact["fact"] for fact in RentalStatus.objects.get(id=rental["id"]).timeline] == ["RentalRequested"]
    assert BusyPeriod.objects.get().rental_id.hex == rental["id"].replace("-", "")
