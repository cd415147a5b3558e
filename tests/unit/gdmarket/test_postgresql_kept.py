"""A connection to PostgreSQL is kept between requests, and given up where the server has ended it, without asking the server each time."""

import os
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db.utils import ConnectionHandler

from config.database_urls import database
from deploy.servers.postgresql import running_postgresql
from deploy.servers.waiting import wait_until
from gdmarket.postgresql import base

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Return a server of its own, for it is made to crash."""
    with running_postgresql() as url:
        yield url


@pytest.fixture
def kept(url: str, tmp_path: Path) -> Iterator[Any]:
    """Return a connection with the product's settings."""
    handler = ConnectionHandler({"default": database(url=url, data_dir=tmp_path)})
    yield handler["default"]
    handler.close_all()


def request_of(kept: Any) -> int:
    """Do what Django does before each request, ask for the process that serves it, and what it does after."""
    kept.close_if_unusable_or_obsolete()
    with kept.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    kept.close_if_unusable_or_obsolete()
    return int(pid)


def last_asked(url: str, pid: int) -> str:
    with psycopg.connect(url) as other:
        row = other.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone()
    assert row is not None
    return str(row[0])


def is_served(url: str) -> bool:
    with suppress(psycopg.OperationalError), psycopg.connect(url):
        return True
    return False


def test_it_is_the_same_one_in_the_next_request_and_was_not_asked(kept: Any, url: str) -> None:
    pid = request_of(kept)
    kept.close_if_unusable_or_obsolete()
    kept.close_if_health_check_failed()
    assert last_asked(url, pid) == "SELECT pg_backend_pid()"
    assert request_of(kept) == pid


def test_one_that_was_idle_for_long_is_asked(kept: Any, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pid = request_of(kept)
    monkeypatch.setattr(base, "HEALTH_CHECK_AFTER_S", 0.0)
    kept.close_if_unusable_or_obsolete()
    kept.close_if_health_check_failed()
    assert last_asked(url, pid) == "SELECT 1"
    assert kept.connection is not None


def test_no_request_fails_after_the_server_has_ended_the_connection(kept: Any, url: str) -> None:
    pid = request_of(kept)
    with psycopg.connect(url) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert request_of(kept) != pid


def test_no_request_fails_after_the_server_has_crashed_and_come_back(kept: Any, url: str) -> None:
    pid = request_of(kept)
    with psycopg.connect(url) as other:
        os.kill(other.info.backend_pid, signal.SIGKILL)  # whereupon all of them end
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the end of the server's processes")
    wait_until(lambda: is_served(url), "the server")
    assert request_of(kept) != pid


def test_one_that_was_told_something_is_asked_and_kept(kept: Any, url: str) -> None:
    pid = request_of(kept)
    with kept.cursor() as cursor:
        cursor.execute("LISTEN news")
    with psycopg.connect(url, autocommit=True) as other:
        other.execute("NOTIFY news")
    wait_until(lambda: base.is_readable(kept.connection.fileno()), "the notification")
    kept.close_if_unusable_or_obsolete()
    kept.close_if_health_check_failed()
    assert last_asked(url, pid) == "SELECT 1"
    assert request_of(kept) == pid


def test_one_whose_transaction_failed_is_not_usable(kept: Any) -> None:
    request_of(kept)
    kept.set_autocommit(False)
    with suppress(Exception), kept.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")
    kept.errors_occurred = False
    assert not kept.is_usable()
    kept.rollback()
    assert kept.is_usable()
