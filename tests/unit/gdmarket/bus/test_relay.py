"""The relay goes on, whatever happens to the database, until it is told to stop."""

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
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, notes, outstanding, pour, reader


def test_the_relay_delivers_until_told_to_stop(hear: Connect) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2, 3)

    relay.run(keep_going=Delivery.objects.exists)

    assert notes() == [1, 2, 3]


def test_told_to_stop_it_finishes_the_delivery_in_hand_and_gives_the_rest_back(hear: Connect) -> None:
    told_to_stop = threading.Event()
    hear({Poured: [reader(RED, lambda _: told_to_stop.set())]})
    pour(1, 2, 3)

    relay.run(keep_going=lambda: not told_to_stop.is_set())

    assert notes() == [1]
    assert outstanding() == 2
    assert not Delivery.objects.filter(token__isnull=False).exists()


def test_a_context_that_waits_for_others_holds_up_nobody_else(hear: Connect) -> None:
    red_has_all = threading.Event()
    came_in_time: list[bool] = []
    waiting = bus.external(reader(BLUE, lambda _: came_in_time.append(red_has_all.wait(10))))
    hear({Poured: [waiting, reader(RED, lambda event: red_has_all.set() if event.n == 2 else None)]})
    pour(1, 2)

    relay.run(keep_going=Delivery.objects.exists)

    assert came_in_time == [True, True]
    assert notes(RED) == notes(BLUE) == [1, 2]


class UnforeseenError(BaseException):
    """Not even an Exception."""


def test_what_ends_one_context_s_thread_ends_the_relay(hear: Connect) -> None:
    def fail(_: Poured) -> None:
        raise UnforeseenError

    hear({Poured: [reader(BLUE, fail), reader(RED)]})
    pour(1)

    with pytest.raises(UnforeseenError):
        relay.run(keep_going=lambda: True)


def test_once_is_one_drain(hear: Connect, capsys: pytest.CaptureFixture[str]) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2)

    call_command("relay", "--once")

    assert capsys.readouterr().out == "2 deliveries handled\n"
    assert notes() == [1, 2]


def test_it_goes_on_while_its_parent_is_there() -> None:
    assert StopSignal(parent=None).keep_going()
    assert StopSignal(parent=os.getppid()).keep_going()
    assert not StopSignal(parent=os.getpid()).keep_going()


def cut_connection() -> None:
    with contextlib.suppress(OperationalError), connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")


@pytest.mark.postgresql
def test_it_outlives_a_connection_that_is_lost_between_rounds(hear: Connect, caplog: pytest.LogCaptureFixture) -> None:
    hear({Poured: [reader(RED)]})
    pour(1, 2)
    rounds: list[int] = []

    def keep_going() -> bool:
        if not rounds:
            cut_connection()
        rounds.append(1)
        return len(rounds) < 4 or outstanding() > 0

    with caplog.at_level(logging.WARNING):
        relay.run(keep_going=keep_going)

    assert notes() == [1, 2]
    assert "the relay cannot work" in caplog.text
    assert "the relay works again" in caplog.text


@pytest.mark.postgresql
def test_a_connection_that_is_lost_in_a_handler_is_that_delivery_s_failure(hear: Connect, wait: Callable[[float], None]) -> None:
    to_cut = [1]

    def cut_once(_: Poured) -> None:
        if to_cut:
            to_cut.clear()
            cut_connection()

    hear({Poured: [reader(RED, cut_once)]})
    pour(1, 2)

    bus.run_until_idle(contexts=[RED])
    wait(5)
    bus.run_until_idle()

    assert notes() == [1, 2]
