"""Relays as processes: stopped and orphaned. Those that are killed and frozen: test_chaos.py."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from gdmarket.bus.models import Delivery
from tests.e2e.served import until
from tests.unit.gdmarket.bus.conftest import Connect, hear  # noqa: F401  # pytest finds the fixture here
from tests.unit.gdmarket.bus.kitchen import BLUE, RED, Poured, notes, pour, reader

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(process_environment: dict[str, str]) -> Iterator[Start]:
    """Return what starts a relay and waits until it delivers."""
    started: list[subprocess.Popen[str]] = []

    def start_relay(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.e2e.kitchen_relay", *arguments]
        relay = subprocess.Popen(command, env=process_environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started.append(relay)
        assert relay.stdout is not None
        assert relay.stdout.readline() == "relay: delivering\n"
        return relay

    yield start_relay
    for relay in started:
        relay.kill()
        relay.communicate()


def test_a_relay_told_to_stop_ends_well_and_holds_nothing(hear: Connect, start: Start) -> None:  # noqa: F811
    hear({Poured: [reader(RED), reader(BLUE)]})
    relay = start()
    pour(*range(1, 200))
    until(lambda: len(notes()) > 0, "the first to be handled")

    relay.send_signal(signal.SIGTERM)
    out, _ = relay.communicate(timeout=10)

    assert (relay.returncode, out) == (0, "relay: stopped\n")
    assert not Delivery.objects.filter(token__isnull=False).exists()
    assert notes() == list(range(1, len(notes()) + 1))


def test_a_relay_ends_with_its_parent(hear: Connect, process_environment: dict[str, str]) -> None:  # noqa: F811
    hear({Poured: [reader(RED), reader(BLUE)]})
    parent_code = (
        "import subprocess, sys, time;subprocess.Popen([sys.executable, '-m', 'tests.e2e.kitchen_relay', '--with-parent']); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], env=process_environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "relay: delivering\n"

        parent.kill()

        # The pipe closes when the last process that writes into it is gone.
        assert parent.stdout.read() == "relay: stopped\n"
