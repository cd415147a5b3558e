"""Relays as processes: stopped and orphaned. Those that are killed and frozen: test_chaos.py."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from deploy.servers.waiting import wait_until
from gdmarket.bus.models import Delivery
from tests.unit.gdmarket.bus.conftest import Connect, connect  # noqa: F401  # pytest finds the fixture here
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handled, handler_of

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(process_environment: dict[str, str]) -> Iterator[Start]:
    """Return what starts a relay and waits until it delivers."""
    started: list[subprocess.Popen[str]] = []

    def start_relay(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "tests.e2e.sample_relay", *arguments]
        relay = subprocess.Popen(command, env=process_environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started.append(relay)
        assert relay.stdout is not None
        assert relay.stdout.readline() == "relay: delivering\n"
        return relay

    yield start_relay
    for relay in started:
        relay.kill()
        relay.communicate()


def test_a_relay_that_is_stopped_ends_well_and_holds_nothing(connect: Connect, start: Start) -> None:  # noqa: F811
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    relay = start()
    add(*range(1, 200))
    wait_until(lambda: len(handled()) > 0, "the first to be handled")

    relay.send_signal(signal.SIGTERM)
    out, _ = relay.communicate(timeout=10)

    assert (relay.returncode, out) == (0, "relay: stopped\n")
    assert not Delivery.objects.filter(token__isnull=False).exists()
    assert handled() == list(range(1, len(handled()) + 1))


def test_a_relay_ends_with_its_parent(connect: Connect, process_environment: dict[str, str]) -> None:  # noqa: F811
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    parent_code = (
        "import subprocess, sys, time;subprocess.Popen([sys.executable, '-m', 'tests.e2e.sample_relay', '--with-parent']); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", parent_code], env=process_environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "relay: delivering\n"

        parent.kill()

        # The pipe closes when the last process that writes into it is gone.
        assert parent.stdout.read() == "relay: stopped\n"
