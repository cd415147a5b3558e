"""The server and its relay as real processes: one tree, and nothing of it left behind."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.factories.accounts import UserFactory

ROOT = Path(__file__).resolve().parent.parent.parent
PATIENCE_S = 60.0


def _until(seen: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not seen():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {PATIENCE_S:g} s: {what}")
        time.sleep(0.05)


class Served:
    """A market that is open, and its processes."""

    def __init__(self, environment: dict[str, str], output: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.output = output
        self.environment = environment | {"GDMARKET_PORT": str(self.port), "GDMARKET_LOG_LEVEL": "INFO"}
        with output.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.serve"], cwd=ROOT, env=self.environment, stdout=sink, stderr=sink, start_new_session=True
            )
        _until(lambda: "Ctrl-C stops everything." in output.read_text() or self.process.poll() is not None, "the welcome")
        assert self.process.poll() is None, output.read_text()
        self.master = psutil.Process(self.process.pid)
        _until(lambda: bool(self.relays()), "a relay")

    def relays(self) -> list[psutil.Process]:
        """Return the relays that run beside this server."""
        return [child for child in self.master.children() if "relay" in child.cmdline()]

    def status_of(self, path: str) -> int:
        """Return the status that a GET answers."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE_S) as answer:
            status: int = answer.status
            return status

    def family(self) -> list[psutil.Process]:
        """Return every process of the tree."""
        return [self.master, *self.master.children(recursive=True)]


@pytest.fixture
def served(process_environment: dict[str, str], people: type[UserFactory], tmp_path: Path) -> Iterator[Served]:
    people(renter=True)  # a neighbourhood where somebody lives gets no demo
    market = Served(process_environment, tmp_path / "output")
    family = market.family()
    yield market
    for process in {*family, *(market.family() if market.master.is_running() else [])}:
        if process.is_running():
            process.kill()
    market.process.wait()


def test_the_server_answers_with_a_relay_beside_it(served: Served) -> None:
    assert served.status_of("/health/live") == 200
    assert served.status_of("/api/v1/items") == 200
    assert len(served.relays()) == 1
    assert "Demo people" not in served.output.read_text()


def test_a_relay_that_dies_is_started_again(served: Served) -> None:
    [before] = served.relays()
    before.kill()
    _until(lambda: [relay.pid for relay in served.relays()] not in ([], [before.pid]), "another relay")
    assert len(served.relays()) == 1
    assert served.status_of("/health/live") == 200


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_stops_everything_in_good_order(served: Served, ending: signal.Signals) -> None:
    family = served.family()
    served.process.send_signal(ending)
    assert served.process.wait(timeout=PATIENCE_S) == 0
    assert not any(process.is_running() for process in family)


def test_a_killed_server_leaves_no_process_behind(served: Served) -> None:
    family = served.family()
    os.kill(served.process.pid, signal.SIGKILL)
    served.process.wait()
    _until(lambda: not any(process.is_running() for process in family), "the end of the workers and the relay")


def test_a_taken_port_is_told_in_one_sentence(process_environment: dict[str, str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = subprocess.run(
            [sys.executable, "-m", "config.serve"],
            cwd=ROOT,
            env=process_environment | {"GDMARKET_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert refused.stderr == (
        f"Cannot listen on 127.0.0.1:{port} (Address already in use). Another port: GDMARKET_PORT={port + 1} ./dev run\n"
    )
