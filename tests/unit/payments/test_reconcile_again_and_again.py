"""`manage.py reconcile_payments --every`, as a process: it goes on until it is told to stop, whatever is away meanwhile."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from gdmarket import clock
from tests.unit.payments.actions import charge, state_of

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_S = 60.0
COMMAND = [sys.executable, "manage.py", "reconcile_payments", "--every", "1"]

Start = Callable[..., "Running"]


class Running:
    """A process that reconciles, and what it has said so far."""

    def __init__(self, command: list[str], environment: dict[str, str]) -> None:
        self.lines: list[str] = []
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(self, seen: Callable[[list[str]], bool]) -> None:
        """Wait until what it said is as wanted."""
        deadline = time.monotonic() + PATIENCE_S
        while not seen(self.lines):
            assert self.process.poll() is None or seen(self.lines), self.lines
            if time.monotonic() > deadline:
                pytest.fail(f"it never said so: {self.lines}")
            time.sleep(0.05)

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code

    def is_silent(self) -> bool:
        """Say whether nobody can write any more."""
        return not self._reader.is_alive()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as out:
            for line in out:
                self.lines.append(line)


@pytest.fixture
def start(environment_with_a_new_book: dict[str, str]) -> Iterator[Start]:
    started: list[Running] = []

    def start_it(*arguments: str, **environment: str) -> Running:
        started.append(Running([*COMMAND, *arguments], environment_with_a_new_book | {"GDMARKET_DISPATCH": "off"} | environment))
        return started[-1]

    yield start_it
    for running in started:
        running.process.kill()
        running.end()


def runs(times: int) -> Callable[[list[str]], bool]:
    return lambda lines: sum(line.startswith("Payments compared:") for line in lines) >= times


@contextmanager
def database_away() -> Iterator[None]:
    """Let the payments be where nobody finds them."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE payments_payment RENAME TO away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE away RENAME TO payments_payment")


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_it_runs_again_and_again_until_it_is_told_to_stop(start: Start, ending: signal.Signals) -> None:
    running = start()
    running.until(runs(2))
    payment_id = charge(method="pm_error", now=clock.now()).payment_id
    running.until(lambda lines: any(f"repaired      {payment_id}" in line for line in lines))
    assert state_of(payment_id) == "not_sent"

    running.process.send_signal(ending)

    assert running.end() == 0
    assert "Traceback" not in "".join(running.lines)


def test_it_survives_a_database_that_is_away(start: Start) -> None:
    running = start()
    running.until(runs(1))
    with database_away():
        running.until(lambda lines: any("The database does not answer; the next try is in 1 s." in line for line in lines))
    said = len(running.lines)

    running.until(lambda lines: runs(1)(lines[said:]))

    running.process.terminate()
    assert running.end() == 0


def test_it_ends_with_its_parent(environment_with_a_new_book: dict[str, str]) -> None:
    code = f"import os, subprocess, time; subprocess.Popen([*{COMMAND!r}, '--with-parent', str(os.getpid())]); time.sleep(600)"
    parent = Running([sys.executable, "-c", code], environment_with_a_new_book)
    parent.until(runs(1))

    parent.process.kill()

    parent.end()
    assert parent.is_silent()  # the pipe closes when the last process that writes into it is gone


def test_whose_parent_is_gone_already_ends_at_once(start: Start) -> None:
    running = start("--with-parent", str(os.getpid() + 100_000_000))
    assert (running.end(), running.lines) == (0, [])


def test_each_run_is_a_document_of_its_own(start: Start, tmp_path: Path) -> None:
    charge(now=clock.now())
    running = start("--json", "--days", "30")
    running.until(lambda lines: len(lines) >= 2)
    running.process.terminate()
    assert running.end() == 0
    documents: list[Any] = [json.loads(line) for line in running.lines]
    assert (
        documents[0]
        == documents[1]
        == {"counts": {"agrees": 1}, "sums": [{"currency": "KRW", "provider": 8_000, "ledger": 8_000, "difference": 0}], "findings": []}
    )


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "soon", "100000"])
def test_a_number_of_days_that_is_none_is_refused(days: str) -> None:
    with pytest.raises(CommandError, match=f"'{days}' is not a whole number"):
        call_command("reconcile_payments", f"--days={days}")


@pytest.mark.parametrize("every", ["-1", "soon", "nan"])
def test_a_wait_that_is_none_is_refused(every: str) -> None:
    with pytest.raises(CommandError, match=f"'{every}' is not a number of seconds"):
        call_command("reconcile_payments", f"--every={every}")
