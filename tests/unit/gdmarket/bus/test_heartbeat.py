"""Each relay gives signs of life, thread by thread; one that hangs gives none."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import monotonic, sleep
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now

from gdmarket import bus
from gdmarket.bus import relay
from gdmarket.bus.heartbeats import HeartbeatWriter
from gdmarket.bus.models import Heartbeat
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, pour, reader


def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, patiently."""
    end_s = monotonic() + 30
    while not holds():
        if monotonic() > end_s:
            raise TimeoutError
        sleep(0.02)


@contextlib.contextmanager
def running_relay() -> Iterator[None]:
    told_to_stop = threading.Event()
    thread = threading.Thread(target=relay.run, kwargs={"keep_going": lambda: not told_to_stop.is_set()})
    thread.start()
    try:
        yield
    finally:
        told_to_stop.set()
        thread.join(30)


def signs() -> list[str]:
    return sorted(Heartbeat.objects.values_list("subscriber", flat=True))


def test_a_relay_leaves_a_sign_for_each_context_and_takes_it_back_when_it_stops(hear: Connect) -> None:
    hear({Poured: [reader(RED), reader(BLUE)]})

    with running_relay(), running_relay():
        until(lambda: signs() == [BLUE, BLUE, RED, RED])
        assert len(set(Heartbeat.objects.values_list("relay", flat=True))) == 2

    assert signs() == []


def test_a_thread_that_hangs_in_a_handler_does_not_beat(hear: Connect) -> None:
    let_go = threading.Event()
    hear({Poured: [bus.external(reader(RED, lambda _: let_go.wait(30))), reader(BLUE)]})
    pour(1)

    with running_relay():
        until(lambda: signs() == [BLUE])
        sleep(0.3)
        assert signs() == [BLUE]
        let_go.set()
        until(lambda: signs() == [BLUE, RED])


def test_it_beats_no_more_often_than_every_few_seconds(hear: Connect) -> None:
    pulse = HeartbeatWriter(relay=uuid4(), subscriber=RED)
    pulse.beat()
    first = Heartbeat.objects.get().seen_at

    pulse.beat()
    assert Heartbeat.objects.get().seen_at == first
    HeartbeatWriter(relay=relay_of(RED), subscriber=RED).beat()
    assert Heartbeat.objects.get().seen_at > first


def relay_of(subscriber: str) -> UUID:
    return Heartbeat.objects.get(subscriber=subscriber).relay


def test_who_was_silent_for_an_hour_is_forgotten(hear: Connect) -> None:
    for minutes in (59, 61):
        seen_at = Now() - timedelta(minutes=minutes)
        Heartbeat.objects.create(relay=uuid4(), subscriber=BLUE, process=f"kitchen:{minutes}", seen_at=seen_at)

    HeartbeatWriter(relay=uuid4(), subscriber=RED).beat()

    assert signs() == [BLUE, RED]
    assert Heartbeat.objects.get(subscriber=BLUE).process == "kitchen:59"


@pytest.mark.postgresql
def test_it_stops_in_good_order_though_the_database_is_away(hear: Connect) -> None:
    pulse = HeartbeatWriter(relay=uuid4(), subscriber=RED)
    pulse.beat()
    with contextlib.suppress(Exception), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    pulse.stop()

    connection.close()
    assert signs() == [RED]
