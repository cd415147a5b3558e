"""The relay's port: liveness and metrics, without the database."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from deploy.servers.ports import free_port
from deploy.servers.waiting import wait_until
from tests.e2e.served import ROOT
from tests.unit.gdmarket.bus.conftest import Connect, connect  # noqa: F401  # pytest finds the fixture here
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handled, handler_of

pytestmark = pytest.mark.nightly("sqlite")  # slow: by day on PostgreSQL alone

HANGS_AFTER_S = 3.0


@dataclass
class Relay:
    process: subprocess.Popen[str]
    port: int

    def get(self, path: str, *, timeout_s: float = 10) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=timeout_s) as answer:
                return int(answer.status), answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def health(self) -> tuple[int, dict[str, object]]:
        status, body = self.get("/health/live")
        return status, json.loads(body)


Start = Callable[..., Relay]


@pytest.fixture
def start(process_environment: dict[str, str]) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start_relay(*, port: int | None = None, **environment: str) -> Relay:
        port = port or free_port()
        mine = {"GDMARKET_RELAY_PORT": str(port), "SAMPLE_HANGS_AFTER_S": str(HANGS_AFTER_S)}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.sample_relay"],
            cwd=ROOT,
            env=process_environment | mine | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Relay(process, port)

    yield start_relay
    for process in started:
        process.kill()
        process.communicate()


def wait_until_delivering(relay: Relay) -> Relay:
    assert relay.process.stdout is not None
    assert relay.process.stdout.readline() == "relay: delivering\n"
    return relay


def test_it_lives_counts_what_it_delivers_and_ends_at_once_when_stopped(connect: Connect, start: Start) -> None:  # noqa: F811  # pytest's fixture
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    relay = wait_until_delivering(start())
    add(1, 2, 3)
    wait_until(lambda: handled() == [1, 2, 3], "three deliveries")

    assert relay.health() == (200, {"status": "live"})
    wait_until(lambda: 'bus_handled_total{outcome="done",subscriber="red"} 3.0' in relay.get("/metrics")[1], "the count")
    assert relay.get("/metrics?x=1")[0] == 200
    assert relay.get("/elsewhere")[0] == 404

    # A caller that says nothing holds up neither the others nor the end.
    with socket.create_connection(("127.0.0.1", relay.port)):
        assert relay.health()[0] == 200
        relay.process.terminate()
        assert relay.process.wait(10) == 0


def test_a_thread_that_hangs_in_a_handler_is_reported(connect: Connect, start: Start) -> None:  # noqa: F811  # pytest's fixture
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    relay = wait_until_delivering(start())
    assert relay.health()[0] == 200

    add(-1)

    wait_until(lambda: relay.health()[0] == 503, "a relay that does not live")
    assert relay.health() == (503, {"status": "hanging", "hanging": [RED]})
    assert handled(BLUE) == [-1]  # the others go on meanwhile


def test_a_relay_that_is_frozen_does_not_answer_and_answers_again(connect: Connect, start: Start) -> None:  # noqa: F811  # pytest's fixture
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    relay = wait_until_delivering(start())

    relay.process.send_signal(signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        relay.get("/health/live", timeout_s=1)
    relay.process.send_signal(signal.SIGCONT)

    wait_until(lambda: relay.health()[0] == 200, "a relay that lives again")


def test_a_relay_whose_database_is_away_goes_on_trying_and_lives(connect: Connect, start: Start) -> None:  # noqa: F811  # pytest's fixture
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    unreachable = f"postgresql://u:p@127.0.0.1:{free_port()}/none"
    relay = wait_until_delivering(start(DATABASE_URL=unreachable))

    time.sleep(2 * HANGS_AFTER_S)

    assert relay.health() == (200, {"status": "live"})


def test_a_port_that_is_taken_is_said_in_a_sentence(connect: Connect, start: Start) -> None:  # noqa: F811  # pytest's fixture
    connect({Added: [handler_of(RED), handler_of(BLUE)]})
    first = wait_until_delivering(start())

    out, err = start(port=first.port).process.communicate(timeout=60)

    assert out == ""
    message = f"The relay cannot listen on 127.0.0.1:{first.port} (Address already in use). Another port: GDMARKET_RELAY_PORT"
    assert message in err
