"""Each relay writes heartbeats, one per thread; a thread that hangs writes none."""

import contextlib
import threading
from collections.abc import Iterator
from datetime import timedelta
from time import sleep
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now

from deploy.servers.waiting import wait_until
from gdmarket import bus
from gdmarket.bus import relay
from gdmarket.bus.heartbeats import HeartbeatWriter
from gdmarket.bus.models import Heartbeat
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handler_of


@contextlib.contextmanager
def running_relay() -> Iterator[None]:
    stopped = threading.Event()
    thread = threading.Thread(target=relay.run, kwargs={"keep_going": lambda: not stopped.is_set()})
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(30)


def subscribers_seen() -> list[str]:
    return sorted(Heartbeat.objects.values_list("subscriber", flat=True))


def test_a_relay_writes_a_heartbeat_per_context_and_deletes_it_when_it_stops(red_and_blue: None) -> None:
    with running_relay(), running_relay():
        wait_until(lambda: subscribers_seen() == [BLUE, BLUE, RED, RED], "four heartbeats")
        assert len(set(Heartbeat.objects.values_list("relay", flat=True))) == 2

    assert subscribers_seen() == []


def test_a_thread_that_hangs_in_a_handler_writes_no_heartbeat(connect: Connect) -> None:
    proceed = threading.Event()
    connect({Added: [bus.external(handler_of(RED, lambda _: proceed.wait(30))), handler_of(BLUE)]})
    add(1)

    with running_relay():
        wait_until(lambda: subscribers_seen() == [BLUE], "blue's heartbeat")
        sleep(0.3)
        assert subscribers_seen() == [BLUE]
        proceed.set()
        wait_until(lambda: subscribers_seen() == [BLUE, RED], "red's heartbeat")


def test_a_heartbeat_is_written_at_most_every_few_seconds(connect: Connect) -> None:
    relay = uuid4()
    writer = HeartbeatWriter(relay=relay, subscriber=RED)
    writer.beat()
    first = Heartbeat.objects.get().seen_at

    writer.beat()
    assert Heartbeat.objects.get().seen_at == first
    HeartbeatWriter(relay=relay, subscriber=RED).beat()
    assert Heartbeat.objects.get().seen_at > first


def test_heartbeats_older_than_an_hour_are_deleted(connect: Connect) -> None:
    for minutes in (59, 61):
        seen_at = Now() - timedelta(minutes=minutes)
        Heartbeat.objects.create(relay=uuid4(), subscriber=BLUE, process=f"host:{minutes}", seen_at=seen_at)

    HeartbeatWriter(relay=uuid4(), subscriber=RED).beat()

    assert subscribers_seen() == [BLUE, RED]
    assert Heartbeat.objects.get(subscriber=BLUE).process == "host:59"


@pytest.mark.postgresql
def test_it_stops_without_an_error_while_the_database_is_away(connect: Connect) -> None:
    writer = HeartbeatWriter(relay=uuid4(), subscriber=RED)
    writer.beat()
    with contextlib.suppress(Exception), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")

    writer.stop()

    connection.close()
    assert subscribers_seen() == [RED]
