"""The relay delivers until it is told to stop, whatever happens to the database."""

import contextlib
import logging
import os
import threading
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection

from gdmarket import bus
from gdmarket.bus import relay
from gdmarket.bus.models import Delivery
from gdmarket.shutdown import StopSignal
from tests.unit.gdmarket.bus.conftest import Connect
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handled, handler_of, outstanding


def test_the_relay_delivers_until_told_to_stop(red: None) -> None:
    add(1, 2, 3)

    relay.run(keep_going=Delivery.objects.exists)

    assert handled() == [1, 2, 3]


def test_told_to_stop_it_finishes_the_current_delivery_and_releases_the_rest(connect: Connect) -> None:
    stopped = threading.Event()
    connect({Added: [handler_of(RED, lambda _: stopped.set())]})
    add(1, 2, 3)

    relay.run(keep_going=lambda: not stopped.is_set())

    assert handled() == [1]
    assert outstanding() == 2
    assert not Delivery.objects.filter(token__isnull=False).exists()


def test_a_context_that_waits_blocks_no_other(connect: Connect) -> None:
    red_has_all = threading.Event()
    came_in_time: list[bool] = []
    waiting = bus.external(handler_of(BLUE, lambda _: came_in_time.append(red_has_all.wait(10))))
    connect({Added: [waiting, handler_of(RED, lambda event: red_has_all.set() if event.n == 2 else None)]})
    add(1, 2)

    relay.run(keep_going=Delivery.objects.exists)

    assert came_in_time == [True, True]
    assert handled(RED) == handled(BLUE) == [1, 2]


class UnforeseenError(BaseException):
    """Not even an Exception."""


def test_an_error_that_ends_one_thread_ends_the_relay(connect: Connect) -> None:
    def fail(_: Added) -> None:
        raise UnforeseenError

    connect({Added: [handler_of(BLUE, fail), handler_of(RED)]})
    add(1)

    with pytest.raises(UnforeseenError):
        relay.run(keep_going=lambda: True)


def test_once_is_one_drain(red: None, capsys: pytest.CaptureFixture[str]) -> None:
    add(1, 2)

    call_command("relay", "--once")

    assert capsys.readouterr().out == "2 deliveries handled\n"
    assert handled() == [1, 2]


def test_it_goes_on_while_its_parent_runs() -> None:
    assert StopSignal(parent=None).keep_going()
    assert StopSignal(parent=os.getppid()).keep_going()
    assert not StopSignal(parent=os.getpid()).keep_going()


def cut_connection() -> None:
    with contextlib.suppress(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.postgresql
def test_it_survives_a_connection_lost_between_rounds(red: None, caplog: pytest.LogCaptureFixture) -> None:
    add(1, 2)
    rounds: list[int] = []

    def keep_going() -> bool:
        if not rounds:
            cut_connection()
        rounds.append(1)
        return len(rounds) < 4 or outstanding() > 0

    with caplog.at_level(logging.WARNING):
        relay.run(keep_going=keep_going)

    assert handled() == [1, 2]
    assert "the relay cannot work" in caplog.text
    assert "the relay works again" in caplog.text


@pytest.mark.postgresql
def test_a_connection_lost_in_a_handler_is_a_failure_of_that_delivery(connect: Connect, pass_time: Callable[[float], None]) -> None:
    to_cut = [1]

    def cut_once(_: Added) -> None:
        if to_cut:
            to_cut.clear()
            cut_connection()

    connect({Added: [handler_of(RED, cut_once)]})
    add(1, 2)

    bus.run_until_idle(contexts=[RED])
    pass_time(5)
    bus.run_until_idle()

    assert handled() == [1, 2]


def statement_timeout() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


def configure_timeout(wanted: str) -> None:
    connection.close()
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, false)", [wanted])


@pytest.mark.postgresql
@pytest.mark.parametrize(("configured", "kept"), [("0", "8s"), ("10s", "8s"), ("1h", "8s"), ("9s", "9s"), ("500ms", "500ms")])
def test_a_missing_or_too_long_statement_timeout_is_replaced(connect: Connect, configured: str, kept: str) -> None:
    configure_timeout(configured)

    relay.limit_statements()

    assert statement_timeout() == kept
    connection.close()


@pytest.mark.postgresql
def test_a_statement_timeout_is_checked_once_per_connection(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            configure_timeout("0")
            relay.limit_statements()
            relay.limit_statements()

    assert caplog.text.count("statement_timeout is 0 ms; for the relay it is 8 s") == 3
    connection.close()


@pytest.mark.postgresql
def test_a_relay_has_a_statement_timeout(connect: Connect) -> None:
    limits: list[str] = []
    connect({Added: [handler_of(RED, lambda _: limits.append(statement_timeout()))]})
    add(1)
    with connection.cursor() as cursor:
        cursor.execute("ALTER ROLE CURRENT_USER SET statement_timeout = '1h'")
    try:
        relay.run(keep_going=Delivery.objects.exists)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER ROLE CURRENT_USER RESET statement_timeout")

    assert limits == ["8s"]
