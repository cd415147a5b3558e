"""A payment provider to try things with: it lives in this process, keeps its own book in a file, and fails on request."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from uuid import UUID

from apps.payments.gateways.port import Entry, NoAnswerError, NotSentError, Standing

METHODS = frozenset({"pm_ok", "pm_declined", "pm_slow", "pm_lost", "pm_error", "pm_down"})
SLOW_S = 2.0

_BOOK_VERSION = 1
_TABLES = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, standing TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL,
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount), reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS refund (refund_key TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES entry, amount INTEGER NOT NULL);
PRAGMA user_version = {_BOOK_VERSION};
COMMIT;
"""
_INSERT = "INSERT INTO entry (key, standing, amount, currency, reason) VALUES (?, ?, ?, ?, ?) ON CONFLICT (key) DO NOTHING"


class SandboxGateway:
    """The sandbox provider. Its book is a SQLite file, safe across threads and processes, and survives every restart.

    pm_ok approves; pm_declined declines; pm_slow approves after 2 s, and charges even if nobody waits that long; pm_lost charges
    and never answers; pm_error answers 500 and charges nothing; pm_down refuses the connection.
    """

    def __init__(self, *, book: Path, sleep: Callable[[float], None] = time.sleep) -> None:
        book.parent.mkdir(parents=True, exist_ok=True)
        self._book = book
        self._sleep = sleep

    def accepts(self, *, method: str) -> bool:
        """Say whether `method` is one of the sandbox's."""
        return method in METHODS

    def charge(self, *, key: UUID, amount: int, currency: str, method: str, deadline_s: float) -> Entry:
        """Charge, or fail in the way that `method` names."""
        if method == "pm_down":
            raise NotSentError("connection_refused")
        if method == "pm_error":
            raise NoAnswerError("provider_error")
        if method == "pm_slow":
            self._sleep(min(SLOW_S, deadline_s))
        entry = self._book_charge(key=key, amount=amount, currency=currency, method=method, deadline_s=deadline_s)
        if method == "pm_lost":
            self._sleep(deadline_s)
        if method == "pm_lost" or (method == "pm_slow" and deadline_s < SLOW_S):
            raise NoAnswerError("timed_out")
        return entry

    def refund(self, *, key: UUID, refund_key: UUID, amount: int, deadline_s: float) -> Entry:
        """Give money back; the same `refund_key` never does so twice."""
        with self._writing(deadline_s) as book:
            entry = _read(book, key)
            seen = book.execute("SELECT key, amount FROM refund WHERE refund_key = ?", (str(refund_key),)).fetchone()
            if seen == (str(key), amount):
                return entry
            refusal = _why_not(entry, amount=amount, key_taken=seen is not None)
            if refusal:
                return replace(entry, refunded=0, reason=refusal)
            book.execute("INSERT INTO refund VALUES (?, ?, ?)", (str(refund_key), str(key), amount))
            book.execute("UPDATE entry SET refunded = refunded + ? WHERE key = ?", (amount, str(key)))
            return _read(book, key)

    def void(self, *, key: UUID, deadline_s: float) -> Entry:
        """Put a tombstone under an unseen key."""
        with self._writing(deadline_s) as book:
            book.execute(_INSERT, (str(key), Standing.VOIDED, 0, "", ""))
            return _read(book, key)

    def lookup(self, *, key: UUID, deadline_s: float) -> Entry:
        """Read the book."""
        with self._reading(deadline_s) as book:
            return _read(book, key)

    def _book_charge(self, *, key: UUID, amount: int, currency: str, method: str, deadline_s: float) -> Entry:
        row: tuple[object, ...] = (str(key), Standing.CHARGED, amount, currency, "")
        if method == "pm_declined" or method not in METHODS:
            row = (str(key), Standing.DECLINED, 0, "", "card_declined" if method in METHODS else "unknown_method")
        with self._writing(deadline_s) as book:
            book.execute(_INSERT, row)
            return _read(book, key)

    @contextmanager
    def _reading(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._book, isolation_level=None, timeout=deadline_s)) as book:
                _prepare(book)
                yield book
        except sqlite3.Error as error:
            raise NoAnswerError("provider_error") from error

    @contextmanager
    def _writing(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        with self._reading(deadline_s) as book:
            book.execute("BEGIN IMMEDIATE")
            yield book  # left by an error, the connection closes and the book rolls back
            book.execute("COMMIT")


def _prepare(book: sqlite3.Connection) -> None:
    book.execute("PRAGMA synchronous=FULL")
    if book.execute("PRAGMA user_version").fetchone() != (_BOOK_VERSION,):
        book.executescript(_TABLES)
        with suppress(sqlite3.OperationalError):  # another process turns to WAL at this very moment: the file will be in it either way
            book.execute("PRAGMA journal_mode=WAL")


def _read(book: sqlite3.Connection, key: UUID) -> Entry:
    found = book.execute("SELECT standing, amount, refunded, currency, reason FROM entry WHERE key = ?", (str(key),)).fetchone()
    if found is None:
        return Entry(standing=Standing.NOT_FOUND)
    standing, amount, refunded, currency, reason = found
    reference = f"sandbox-{key}" if standing == Standing.CHARGED else ""
    return Entry(standing=Standing(standing), amount=amount, refunded=refunded, currency=currency, reference=reference, reason=reason)


def _why_not(entry: Entry, *, amount: int, key_taken: bool) -> str:
    if key_taken:
        return "refund_key_reused"
    if entry.standing is not Standing.CHARGED:
        return "not_charged"
    return "more_than_charged" if entry.refunded + amount > entry.amount else ""
