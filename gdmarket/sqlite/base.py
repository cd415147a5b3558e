"""The backend: every transaction and every write outside one waits in the queue of its database."""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db.backends.sqlite3 import base
from django.utils.dateparse import parse_datetime

from gdmarket.sqlite.writers import WriterQueue, queue_of

_IS_WRITE = re.compile(
    r"\s*(INSERT|UPDATE|DELETE|REPLACE|CREATE|DROP|ALTER|REINDEX|VACUUM|WITH\b.*\b(INSERT|UPDATE|DELETE|REPLACE)\b)",
    re.IGNORECASE | re.DOTALL,
).match


def _instant(raw: bytes) -> datetime:
    """Return a column's instant, in UTC as Django writes them, in a third of the time that Django's takes to one without a zone."""
    text = raw.decode()
    try:
        return datetime.fromisoformat(f"{text}+00:00")
    except ValueError:
        return parse_datetime(text)  # type: ignore[return-value]  # a text that is none is Django's to refuse


sqlite3.register_converter("datetime", _instant)


class QueuedConnection(sqlite3.Connection):
    """A connection that has its place in the queue from BEGIN to the end of the transaction."""

    #: The file; empty if the database is in memory: there its cache has locks of its own.
    path = ""
    #: Which file it was when it was opened.
    identity: tuple[int, int] | None = None
    _queue: WriterQueue | None = None

    def acquire_write_lock(self) -> None:
        """Wait until it may write, as long as SQLite would.

        :raises sqlite3.OperationalError: if that is too long
        """
        if self._queue is None and self.path:
            queue = queue_of(self.path)
            queue.enter(self, timeout_s=self._busy_timeout_s)
            self._queue = queue

    def release_write_lock(self) -> None:
        """Let others write, if it is the one that may."""
        if self._queue is not None:
            queue, self._queue = self._queue, None
            queue.leave()

    def is_free_to(self, statement: str) -> bool:
        """Return whether a statement need not wait: it reads, or this connection may write already."""
        return self.in_transaction or self._queue is not None or not _IS_WRITE(statement)

    @contextmanager
    def write_lock_for(self, statement: str) -> Iterator[None]:
        """Let no other write during one statement, where that writes outside a transaction."""
        if self.is_free_to(statement):
            yield
            return
        self.acquire_write_lock()
        try:
            yield
        finally:
            self.release_write_lock()

    def commit(self) -> None:
        """Commit, and let others write, unless it fails and leaves the transaction open."""
        try:
            super().commit()
        finally:
            if not self.in_transaction:
                self.release_write_lock()

    def rollback(self) -> None:
        """Roll back, and let others write."""
        try:
            super().rollback()
        finally:
            self.release_write_lock()

    def close(self) -> None:
        """Close, which rolls back, and let others write."""
        try:
            super().close()
        finally:
            self.release_write_lock()

    def _busy_timeout_s(self) -> float:
        # Some of our code shortens it for a while.
        return float(self.execute("PRAGMA busy_timeout").fetchone()[0]) / 1000


class QueuedCursor(base.SQLiteCursorWrapper):
    """A cursor whose writes outside transactions wait in the queue."""

    connection: QueuedConnection

    def execute(self, query: str, params: Any = None) -> Any:
        """Execute as Django's does, when it may."""
        if self.connection.is_free_to(query):
            return super().execute(query, params)
        with self.connection.write_lock_for(query):
            return super().execute(query, params)

    def executemany(self, query: str, param_list: Any) -> Any:
        """Execute as Django's does, when it may."""
        with self.connection.write_lock_for(query):
            return super().executemany(query, param_list)

    def convert_query(self, query: str, *, param_names: list[str] | None = None) -> str:
        """Return a statement with SQLite's placeholders; those of requests are always the same, and long to look through."""
        converted: str = _with_question_marks(query) if param_names is None else super().convert_query(query, param_names=param_names)
        return converted


@lru_cache(maxsize=512)
def _with_question_marks(query: str) -> str:
    return base.FORMAT_QMARK_REGEX.sub("?", query).replace("%%", "%")


class SqliteConnection(base.DatabaseWrapper):
    """Django's, with connections that queue to write."""

    connection: QueuedConnection

    def get_new_connection(self, conn_params: dict[str, Any]) -> QueuedConnection:
        """Connect."""
        connection: QueuedConnection = super().get_new_connection({**conn_params, "factory": QueuedConnection})
        connection.path = "" if self.is_in_memory_db() else str(Path(conn_params["database"]).resolve())
        connection.identity = _identity_of(connection.path)
        return connection

    def is_usable(self) -> bool:
        """Return whether the file is still the one that was opened.

        A connection is kept between requests. Where the file was deleted or replaced, it would go on with one that nobody else sees.
        """
        return not self.connection.path or _identity_of(self.connection.path) == self.connection.identity

    def create_cursor(self, name: str | None = None) -> QueuedCursor:
        """Return a cursor; `name` is for server-side cursors, which SQLite has none of."""
        return self.connection.cursor(factory=QueuedCursor)

    def _start_transaction_under_autocommit(self) -> None:
        with self.wrap_database_errors:
            self.connection.acquire_write_lock()
        try:
            # A deferred transaction that reads and then writes fails at once with "database is locked".
            self.cursor().execute("BEGIN IMMEDIATE")
        except BaseException:
            self.connection.release_write_lock()
            raise


def _identity_of(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # a Path would take three times as long, and every request asks
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


# Under this name Django looks for a backend.
DatabaseWrapper = SqliteConnection
