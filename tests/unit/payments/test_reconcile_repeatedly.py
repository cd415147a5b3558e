"""`manage.py reconcile_payments` as a process: with `--every` it repeats until it is stopped, and survives a lost database."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from threading import Thread

import pytest

from gdmarket import clock
from tests.missing_tables import missing_table
from tests.unit.payments.actions import charge, state_of

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 60.0
ONCE = [sys.executable, "manage.py", "reconcile_payments"]
COMMAND = [*ONCE, "--every", "1"]

Start = Callable[..., "Running"]


class Running:
    """A process that reconciles, and the lines that it printed so far."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.reader = Thread(target=self._read, daemon=True)
        self.reader.start()

    def until(self, seen: Callable[[list[str]], bool]) -> None:
        """Wait until its lines are as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not seen(self.lines):
            assert self.process.poll() is None or seen(self.lines), self.lines
            if time.monotonic() > deadline:
                pytest.fail(f"it never printed so: {self.lines}")
            time.sleep(0.05)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        code = self.process.wait(PATIENCE_S)
        self.reader.join(PATIENCE_S)
        return code

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            for line in out:
                self.lines.append(line)


@pytest.fixture
def start(environment_with_new_store: dict[str, str]) -> Iterator[Start]:
    started: list[Running] = []

    def start_it(*arguments: str) -> Running:
        started.append(Running([*COMMAND, *arguments], environment_with_new_store | {"GDMARKET_DISPATCH": "off"}))
        return started[-1]

    yield start_it
    for running in started:
        running.process.kill()
        running.end()


def runs(times: int) -> Callable[[list[str]], bool]:
    return lambda lines: sum(line.startswith("Payments compared:") for line in lines) >= times


@pytest.mark.parametrize("ending", [signal.SIGTERM, pytest.param(signal.SIGINT, marks=pytest.mark.nightly("postgresql"))])
def test_it_repeats_until_it_is_stopped(start: Start, ending: signal.Signals) -> None:
    running = start()
    running.until(runs(2))
    payment_id = charge(method="pm_error", now=clock.now()).payment_id
    running.until(lambda lines: any(f"repaired      {payment_id}" in line for line in lines))
    assert state_of(payment_id) == "not_sent"

    running.process.send_signal(ending)

    assert running.end() == 0
    assert "Traceback" not in "".join(running.lines)


def test_it_survives_an_unavailable_database(start: Start) -> None:
    running = start()
    running.until(runs(1))
    with missing_table("payments_payment"):
        running.until(lambda lines: any("The database does not answer; the next try is in 1 s." in line for line in lines))
    printed = len(running.lines)

    running.until(lambda lines: runs(1)(lines[printed:]))
    assert running.process.poll() is None


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_it_ends_with_its_parent(environment_with_new_store: dict[str, str]) -> None:
    code = f"import os, subprocess, time; subprocess.Popen([*{COMMAND!r}, '--with-parent', str(os.getpid())]); time.sleep(600)"
    parent = Running([sys.executable, "-c", code], environment_with_new_store)
    parent.until(runs(1))

    parent.process.kill()

    parent.end()
    assert not parent.reader.is_alive()  # the pipe closes when the last process that writes into it is gone


@pytest.mark.nightly("postgresql")  # the database has no part in it
def test_it_ends_at_once_if_its_parent_is_gone(start: Start) -> None:
    running = start("--with-parent", str(os.getpid() + 100_000_000))
    assert (running.end(), running.lines) == (0, [])


@pytest.mark.nightly("postgresql")  # the database has no part in it
@pytest.mark.parametrize(("parent", "compared"), [(0, "1 agrees"), (100_000_000, "none")])
def test_once_it_compares_nothing_more_if_its_parent_is_gone(
    environment_with_new_store: dict[str, str], parent: int, compared: str
) -> None:
    charge(now=clock.now())
    running = Running([*ONCE, "--with-parent", str(os.getpid() + parent)], environment_with_new_store)
    assert (running.end(), running.lines[0]) == (0, f"Payments compared: {compared}.\n")


def test_with_json_each_run_is_one_document(start: Start) -> None:
    charge(now=clock.now())
    running = start("--json", "--days", "30")
    running.until(lambda lines: len(lines) >= 2)
    sums = [{"currency": "KRW", "provider": 8_000, "ledger": 8_000, "difference": 0}]
    assert [json.loads(line) for line in running.lines[:2]] == [{"counts": {"agrees": 1}, "sums": sums, "findings": []}] * 2
