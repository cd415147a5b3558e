"""Each transaction of the SQLite backend, and each write outside one, waits in the queue of writers."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager

import pytest
from django.db import OperationalError, connection, transaction

from gdmarket.rest.models import WriteProbe

LOCKED = "database is locked"


@contextmanager
def in_a_thread(work: Callable[[], None]) -> Iterator[threading.Thread]:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join()


def may_others_write() -> bool:
    """Try to write on another connection, with little patience."""
    refusals: list[str] = []

    def work() -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")
        try:
            WriteProbe.objects.filter(id=1).delete()
        except OperationalError as refused:
            refusals.append(str(refused))

    with in_a_thread(work):
        pass
    assert refusals in ([], [LOCKED])
    return not refusals


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_nobody_else_writes_until_a_transaction_ends_however_it_ends() -> None:
    with transaction.atomic():
        assert not may_others_write()
        with transaction.atomic():
            WriteProbe.objects.filter(id=1).delete()
        assert not may_others_write()
    assert may_others_write()

    with pytest.raises(OperationalError, match="no such table"), transaction.atomic():
        connection.cursor().execute("DELETE FROM none")
    assert may_others_write()

    with transaction.atomic():
        transaction.set_rollback(True)
    assert may_others_write()

    with transaction.atomic():
        connection.close()
    assert may_others_write()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_another_programs_transaction_is_waited_for_and_lets_others_in_if_it_takes_too_long() -> None:
    with closing(sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)) as program:
        program.execute("BEGIN IMMEDIATE")
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 50")
        with pytest.raises(OperationalError, match=LOCKED), transaction.atomic():
            pass
        program.execute("ROLLBACK")
    connection.close()
    assert may_others_write()


@pytest.mark.sqlite
@pytest.mark.django_db(transaction=True)
def test_a_write_outside_a_transaction_waits_and_reading_does_not() -> None:
    has_read, has_written = threading.Event(), threading.Event()

    def work() -> None:
        WriteProbe.objects.filter(id=1).exists()
        has_read.set()
        WriteProbe.objects.filter(id=1).delete()
        has_written.set()

    with ExitStack() as threads:
        with transaction.atomic():
            threads.enter_context(in_a_thread(work))
            assert has_read.wait(20)
            assert not may_others_write()
            assert not has_written.is_set()
        assert has_written.wait(20)
