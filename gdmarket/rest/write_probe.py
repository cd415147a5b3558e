"""Whether a write goes through: a full disk and a database that has become read-only still answer what is asked."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models.functions import Now

from gdmarket.rest.models import WriteProbe

_INTERVAL_S = 5.0
# SQLite has one writer at a time: who waits for it so long is no worse off than before.
_PATIENCE_MS = 500
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_log = logging.getLogger(__name__)


class WriteCheck:
    """Writes one row, at most every 5 s in this process, and knows meanwhile how the last write ended."""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._is_writable = True
        self._lock = threading.Lock()

    def is_writable(self) -> bool:
        """Return whether the last write went through; threads that come while one is under way do not wait for it."""
        if time.monotonic() >= self._next_s and self._lock.acquire(blocking=False):
            try:
                self._try()
            finally:
                self._lock.release()
        return self._is_writable

    def _try(self) -> None:
        try:
            with _little_patience():
                row = WriteProbe(id=1, written_at=Now())
                WriteProbe.objects.bulk_create([row], update_conflicts=True, unique_fields=["id"], update_fields=["written_at"])
        except Error as failure:  # an InterfaceError, of a connection that was closed, is no DatabaseError
            if getattr(failure.__cause__, "sqlite_errorcode", None) in _BUSY:
                return
            if self._is_writable:
                _log.error("the database cannot be written to: %s", failure)
            self._is_writable = False
        else:
            self._is_writable = True
        self._next_s = time.monotonic() + _INTERVAL_S


@contextmanager
def _little_patience() -> Iterator[None]:
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        (usual_ms,) = cursor.fetchone()
        cursor.execute(f"PRAGMA busy_timeout = {_PATIENCE_MS}")
        try:
            yield
        finally:
            cursor.execute(f"PRAGMA busy_timeout = {usual_ms}")
