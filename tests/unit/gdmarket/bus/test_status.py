"""`bus status`: how far behind each context is, and whether a relay works for it."""

import json
import signal
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import CommandError
from django.db import connection
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from gdmarket.bus import backlog, claims, subscriptions
from gdmarket.bus.models import Delivery, Heartbeat
from tests.unit.gdmarket.bus.conftest import Connect, Run
from tests.unit.gdmarket.bus.sample import BLUE, RED, Added, add, handler_of

NOTHING = {"pending": 0, "oldest_age_s": 0.0, "timers": 0, "dead": 0, "paused": False, "relay_seen_s": None}


def test_the_backlog_counts_what_is_due_what_waits_and_what_is_dead(rejecting: list[int]) -> None:
    add(4, at=datetime.now(UTC) + timedelta(hours=1))
    Delivery.objects.update(created_at=Now() - timedelta(seconds=90))

    found = asdict(backlog.measure()[RED])

    age_s = found.pop("oldest_age_s")
    assert 90 <= age_s < 120
    assert found == {"pending": 1, "timers": 1, "dead": 1, "paused": False, "relay_seen_s": None}


def test_the_backlog_of_an_idle_context_is_empty(connect: Connect) -> None:
    connect({Added: [handler_of(BLUE)]})

    assert {context: asdict(found) for context, found in backlog.measure().items()} == {BLUE: NOTHING}


def test_a_timer_that_is_due_is_pending_since_it_was_due(red: None) -> None:
    add(1, at=datetime.now(UTC) - timedelta(seconds=30))

    found = backlog.measure()[RED]

    assert (found.pending, found.timers) == (1, 0)
    assert 30 <= found.oldest_age_s < 60


def test_claimed_and_waiting_deliveries_are_pending(rejecting: list[int]) -> None:
    add(5, 6, counter=2)
    claims.claim_lanes(subscriber=RED)

    assert backlog.measure()[RED].pending == 3


@pytest.mark.parametrize("change", [{"attempts": 3}, {"token": uuid4()}], ids=["failed", "claimed"])
def test_a_timer_that_went_off_is_pending_until_it_is_handled(red: None, change: dict[str, Any]) -> None:
    add(1, at=datetime.now(UTC) - timedelta(hours=1))
    add(2, at=datetime.now(UTC) + timedelta(hours=1))
    Delivery.objects.filter(event__payload__n=1).update(not_before=Now() + timedelta(seconds=30), **change)

    found = backlog.measure()[RED]

    assert (found.pending, found.timers) == (1, 1)
    assert 3600 <= found.oldest_age_s < 3700


def test_deliveries_of_an_unknown_context_are_counted(red: None) -> None:
    add(1)
    Delivery.objects.update(subscriber="gone")

    assert backlog.measure()["gone"].pending == 1


def test_the_last_heartbeat_of_any_relay_counts(red_and_blue: None) -> None:
    for age_s in (40, 20):
        Heartbeat.objects.create(relay=uuid4(), subscriber=RED, process="sample:1", seen_at=Now() - timedelta(seconds=age_s))

    found = backlog.measure()

    assert 20 <= (found[RED].relay_seen_s or 0) < 40
    assert found[BLUE].relay_seen_s is None


def test_nothing_is_counted_beyond_the_limit(rejecting: list[int]) -> None:
    add(*range(10, 20), counter=2)
    add(*range(20, 30), at=datetime.now(UTC) + timedelta(hours=1))

    found = backlog.measure(limit=4)[RED]

    assert (found.pending, found.timers, found.dead) == (4, 4, 1)


def test_the_cost_does_not_grow_with_the_backlog(red: None) -> None:
    with CaptureQueriesContext(connection) as of_nothing:
        backlog.measure(limit=10)
    add(*range(30))
    with CaptureQueriesContext(connection) as of_much:
        backlog.measure(limit=10)

    # One more: to see that no subscriber follows the one with deliveries.
    assert len(of_much) == len(of_nothing) + 1


def test_status_shows_one_line_per_context(rejecting: list[int], run: Run) -> None:
    subscriptions.pause(context=RED)

    lines = run("status").splitlines()

    assert lines[0].split() == ["context", "pending", "oldest", "timers", "dead", "relay", "seen"]
    assert [cell for n, cell in enumerate(lines[1].split()) if n not in {2, 3}] == [RED, "1", "0", "1", "never", "paused"]
    shown = json.loads(run("status", "--json"))[RED]
    assert (shown["pending"], shown["dead"]) == (1, 1)


def test_fail_over_exits_with_1_when_a_context_is_behind(red: None, run: Run) -> None:
    add(1)
    Delivery.objects.update(created_at=Now() - timedelta(seconds=90))

    run("status", "--fail-over", "3600")
    with pytest.raises(CommandError, match=r"^red: behind by 1 min 3\d s$") as behind:
        run("status", "--fail-over", "60")
    assert behind.value.returncode == 1
    subscriptions.pause(context=RED)
    run("status", "--fail-over", "60")


def test_fail_over_exits_with_1_when_a_delivery_is_dead(rejecting: list[int], run: Run) -> None:
    with pytest.raises(CommandError, match=r"^red: 1 dead$"):
        run("status", "--fail-over", "3600")


@pytest.mark.parametrize("form", ["table", "json"])
def test_watch_repeats_until_interrupted(process_environment: dict[str, str], form: str) -> None:
    command = [sys.executable, "manage.py", "bus", "status", "--watch", "0.1", *(["--json"] if form == "json" else [])]
    watching = subprocess.Popen(command, env=process_environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    first = watching.stdout.readline()
    line = next(line for line in watching.stdout if line.startswith(first[:4]))
    watching.send_signal(signal.SIGINT)
    _, complaints = watching.communicate(timeout=60)

    assert (watching.returncode, complaints) == (0, "")
    if form == "json":
        assert json.loads(first)["items"]["pending"] == json.loads(line)["items"]["pending"] == 0
    else:
        assert "\x1b" not in first + line
