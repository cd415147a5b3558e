"""The liveness and readiness probes."""

import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection, connections
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import Now
from django.db.utils import InterfaceError, OperationalError
from django.test import Client
from pytest_django import DjangoDbBlocker

from config import database_urls
from gdmarket.bus.models import Delivery, Event, Heartbeat
from gdmarket.rest import health, write_probe
from gdmarket.rest.models import WriteProbe
from gdmarket.rest.write_probe import WriteCheck
from tests.missing_tables import missing_table


def test_the_process_is_alive_whatever_the_database_does(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json(), answer["Cache-Control"]) == (200, {"status": "live"}, "no-store")


@pytest.mark.django_db
def test_it_is_ready_when_the_database_answers_and_is_up_to_date(client: Client) -> None:
    answer = client.get("/health/ready")
    body = answer.json()
    assert (answer.status_code, body["status"], body["missing"]) == (200, "ready", [])
    assert {"items", "payments", "rentals", "status_view"} <= body["bus"].keys()
    assert body["bus"]["items"] == {"pending": 0, "oldest_age_s": 0.0, "timers": 0, "dead": 0, "paused": False, "relay_seen_s": None}


@pytest.mark.django_db
def test_it_is_ready_whatever_the_backlog(client: Client) -> None:
    for version, dead in ((1, True), (2, False)):
        event = Event.objects.create(
            id=uuid4(), stream="counter:1", version=version, type="sample.Added", schema=1, payload={}, occurred_at=datetime.now(UTC)
        )
        long_ago = Now() - timedelta(hours=5)
        Delivery.objects.create(
            event=event, subscriber="items", lane="counter:1", version=version, not_before=long_ago, dead=dead, created_at=long_ago
        )
    Heartbeat.objects.create(relay=uuid4(), subscriber="items", process="sample:1", seen_at=Now() - timedelta(minutes=50))

    answer = client.get("/health/ready")

    backlog = answer.json()["bus"]["items"]
    assert (answer.status_code, backlog["pending"], backlog["dead"]) == (200, 1, 1)
    assert backlog["oldest_age_s"] >= 5 * 3600
    assert backlog["relay_seen_s"] >= 50 * 60


@pytest.mark.django_db(transaction=True)
def test_it_is_ready_when_the_backlog_cannot_be_read(client: Client) -> None:
    with missing_table("bus_heartbeat"):
        answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "missing": [], "bus": None})


@pytest.mark.django_db
def test_a_missing_migration_is_named(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("accounts", "0001_initial")
    answer = client.get("/health/ready")
    assert (answer.status_code, answer["Retry-After"]) == (503, "1")
    assert answer.json() == {"status": "not ready", "missing": ["migration accounts.0001_initial"]}


@pytest.mark.each_database
def test_an_unreachable_database_is_named(client: Client, monkeypatch: pytest.MonkeyPatch, django_db_blocker: DjangoDbBlocker) -> None:
    def refuse() -> None:
        raise OperationalError("connection refused")

    with django_db_blocker.unblock():
        connection.close()
        monkeypatch.setattr(connection, "ensure_connection", refuse)
        answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "missing": ["database"]})


@pytest.mark.usefixtures("django_db_setup")
@pytest.mark.each_database
def test_a_database_that_never_answers_delays_the_probe_by_a_second_once(
    client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, django_db_blocker: DjangoDbBlocker
) -> None:
    # The server accepts connections and never answers.
    with django_db_blocker.unblock(), socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://nobody@127.0.0.1:{server.getsockname()[1]}/view"
        usual: dict[str, Any] = {"ATOMIC_REQUESTS": False, "AUTOCOMMIT": True, "TIME_ZONE": None, "TEST": {}}
        monkeypatch.setitem(connections.databases, "hanging", usual | database_urls.database(url=url, data_dir=tmp_path))
        settings.GDMARKET_CONTEXT_DATABASES = settings.GDMARKET_CONTEXT_DATABASES | {"status_view": "hanging"}
        took_s = []
        connection.ensure_connection()
        for _ in range(2):
            began_s = time.monotonic()
            answer = client.get("/health/ready")
            took_s.append(time.monotonic() - began_s)
            body = answer.json()
            assert (answer.status_code, body["away"], "payments" in body["bus"]) == (200, ["database hanging"], True)
    assert 1 <= took_s[0] < 1.8
    assert took_s[1] < 0.8  # it is not waited for again


def test_probes_answer_only_get(client: Client) -> None:
    answer = Client(enforce_csrf_checks=True).post("/health/live")
    assert (answer.status_code, answer.json()["code"], answer["Allow"]) == (405, "method_not_allowed", "GET, HEAD")


_READ_ONLY = {"sqlite": "PRAGMA query_only = {}", "postgresql": "SET default_transaction_read_only = {}"}


@contextmanager
def read_only() -> Iterator[None]:
    """Let the database refuse writes, as on a full disk or after a failover; it still answers what is asked."""
    with connection.cursor() as cursor:
        cursor.execute(_READ_ONLY[connection.vendor].format("on"))
        try:
            yield
        finally:
            cursor.execute(_READ_ONLY[connection.vendor].format("off"))


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> WriteCheck:
    """Forget how the last write ended."""
    monkeypatch.setattr(health, "_writes", WriteCheck())
    return health._writes


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_while_writes_fail(
    client: Client, checks: WriteCheck, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(write_probe, "_INTERVAL_S", 0.0)
    assert client.get("/health/ready").status_code == 200
    with read_only():
        for _ in range(2):
            answer = client.get("/health/ready")
            assert (answer.status_code, answer["Retry-After"]) == (503, "1")
            assert answer.json() == {"status": "not ready", "missing": ["a write to the database"]}
    assert client.get("/health/ready").status_code == 200
    assert [record.message.partition(":")[0] for record in caplog.records] == ["the database cannot be written to"]


@pytest.mark.django_db(transaction=True)
def test_it_writes_at_most_once_in_five_seconds(client: Client, checks: WriteCheck) -> None:
    for _ in range(3):
        assert client.get("/health/ready").status_code == 200
    assert [probe.id for probe in WriteProbe.objects.all()] == [1]
    written_at = WriteProbe.objects.get().written_at
    with read_only():
        assert client.get("/health/ready").status_code == 200
    checks._next_s -= 5.0
    assert client.get("/health/ready").status_code == 200
    assert WriteProbe.objects.get().written_at > written_at


def _lose_the_connection(*_: Any) -> None:
    raise InterfaceError("connection already closed")


@pytest.mark.django_db
def test_a_connection_that_was_closed_is_a_failure_and_no_error(checks: WriteCheck) -> None:
    with connection.execute_wrapper(_lose_the_connection):
        assert not checks.is_writable()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_another_writer_is_no_failure(client: Client, checks: WriteCheck) -> None:
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    assert client.get("/health/ready").status_code == 200
    other.execute("ROLLBACK")
    other.close()
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone()[0] >= 5000
