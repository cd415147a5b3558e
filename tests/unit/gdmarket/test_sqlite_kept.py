"""A connection to SQLite is kept between requests, and given up where its file is no longer the one that it opened."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import connection
from django.db.utils import ConnectionHandler
from django.test import Client

from config.database_urls import database
from tests.docs.pages import ROOT

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Any]:
    """Return a connection with the product's settings, to a file with one row: `old`."""
    write(tmp_path / "gdmarket.sqlite3", "old")
    handler = ConnectionHandler({"default": database(url="", data_dir=tmp_path)})
    yield handler["default"]
    handler.close_all()


def write(path: Path, word: str) -> None:
    with closing(sqlite3.connect(path)) as file:
        file.execute("CREATE TABLE words (word text)")
        file.execute("INSERT INTO words VALUES (?)", [word])
        file.commit()


def request_of(kept: Any) -> list[str]:
    """Do what Django does before each request, and read."""
    kept.close_if_unusable_or_obsolete()
    with kept.cursor() as cursor:
        cursor.execute("SELECT word FROM words")
        return [word for (word,) in cursor.fetchall()]


def test_it_is_the_same_one_in_the_next_request(kept: Any) -> None:
    assert request_of(kept) == ["old"]
    opened = kept.connection
    assert request_of(kept) == ["old"]
    assert kept.connection is opened


def test_a_file_that_was_replaced_is_opened_anew(kept: Any, tmp_path: Path) -> None:
    assert request_of(kept) == ["old"]
    opened = kept.connection
    write(tmp_path / "other.sqlite3", "new")
    (tmp_path / "other.sqlite3").replace(tmp_path / "gdmarket.sqlite3")

    assert request_of(kept) == ["new"]
    assert kept.connection is not opened


def test_a_folder_that_was_deleted_and_made_again_is_opened_anew(kept: Any, tmp_path: Path) -> None:
    assert request_of(kept) == ["old"]
    shutil.rmtree(tmp_path)
    tmp_path.mkdir()
    write(tmp_path / "gdmarket.sqlite3", "new")

    assert request_of(kept) == ["new"]


def test_what_was_restored_into_the_file_is_read_on_the_kept_connection(kept: Any, tmp_path: Path) -> None:
    assert request_of(kept) == ["old"]
    write(tmp_path / "copy.sqlite3", "restored")
    with closing(sqlite3.connect(tmp_path / "copy.sqlite3")) as copy, closing(sqlite3.connect(tmp_path / "gdmarket.sqlite3")) as file:
        copy.backup(file)

    assert request_of(kept) == ["restored"]


def test_a_request_leaves_its_connection_open(client: Client) -> None:
    def ask() -> Any:
        request_started.send(sender=None)
        assert client.get("/api/v1/items/0197f7a2-0000-7000-8000-000000000000").status_code == 404
        request_finished.send(sender=None)
        return connection.connection

    opened = ask()
    assert opened is not None
    assert ask() is opened


_LOADED = """
import threading
from importlib import import_module
from config.wsgi import application
from django.conf import settings
from django.db import connections
import_module(settings.ROOT_URLCONF)
print({each.connection for each in connections.all()}, threading.active_count())
"""


@pytest.mark.parametrize(
    "traces",
    [
        pytest.param({}, id="no traces"),
        pytest.param({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}, id="traces", marks=pytest.mark.nightly("postgresql")),
    ],
)
def test_the_application_is_loaded_without_connections_and_threads_that_forked_workers_would_share(traces: dict[str, str]) -> None:
    found = subprocess.run(
        [sys.executable, "-c", _LOADED], cwd=ROOT, env={**os.environ, **traces}, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "{None} 1"
