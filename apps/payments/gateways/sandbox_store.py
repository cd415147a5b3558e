"""The sandbox provider's storage: a SQLite file in which each key is written once, whoever asks."""

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from apps.payments.gateways.port import ChargePage, ChargeRecord, ChargeStatus, ListedCharge, NoAnswerError, RefundRecord, RefundStatus

PAGE = 100

_SCHEMA_VERSION = 2
_TABLES = f"""
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, standing TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL,
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount), reason TEXT NOT NULL,
    made_at TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS refund (refund_key TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES entry, amount INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS entry_made ON entry (made_at, key);
PRAGMA user_version = {_SCHEMA_VERSION};
"""
_INSERT = """
INSERT INTO entry (key, standing, amount, currency, reason, made_at) VALUES (?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%f', 'now'))
ON CONFLICT (key) DO NOTHING RETURNING *
"""
_LIST = """
SELECT * FROM entry WHERE standing = 'charged' AND made_at >= ? AND made_at < ? AND (made_at, key) > (?, ?)
ORDER BY made_at, key LIMIT ?
"""


class SandboxStore:
    """What a provider recorded, safe across threads and processes; what was written survives every restart.

    :raises NoAnswerError: from every method, if the file cannot be read or written within the deadline
    """

    def __init__(self, *, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def charge(self, *, key: UUID, amount: int, currency: str, declined: str = "", deadline_s: float) -> ChargeRecord:
        """Record a charge under `key`, or why it is `declined`, unless the key is taken; return the record under it."""
        row = (ChargeStatus.DECLINED, 0, "", declined) if declined else (ChargeStatus.CHARGED, amount, currency, "")
        return self._insert(key, row, deadline_s=deadline_s)

    def refund(self, *, key: UUID, refund_key: UUID, amount: int, deadline_s: float) -> RefundRecord:
        """Record a refund under `refund_key`, once for ever, unless more would be refunded than was charged."""
        with self._writing(deadline_s) as connection:
            record = _read(connection, key)
            seen = connection.execute("SELECT key, amount FROM refund WHERE refund_key = ?", (str(refund_key),)).fetchone()
            if seen is None or tuple(seen) != (str(key), amount):
                refusal = _why_not(record, amount=amount, key_taken=seen is not None)
                if refusal:
                    return RefundRecord(status=RefundStatus.REFUSED, reason=refusal)
                connection.execute("INSERT INTO refund VALUES (?, ?, ?)", (str(refund_key), str(key), amount))
                connection.execute("UPDATE entry SET refunded = refunded + ? WHERE key = ?", (amount, str(key)))
            return RefundRecord(status=RefundStatus.REFUNDED, reference=f"sandbox-{refund_key}")

    def void(self, *, key: UUID, deadline_s: float) -> ChargeRecord:
        """Record an unseen key as voided, and return the record under it."""
        return self._insert(key, (ChargeStatus.VOIDED, 0, "", ""), deadline_s=deadline_s)

    def lookup(self, *, key: UUID, deadline_s: float) -> ChargeRecord:
        """Return the record under a key."""
        with self._reading(deadline_s) as connection:
            return _read(connection, key)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str, deadline_s: float) -> ChargePage:
        """Return a page of what was charged in [`since`, `until`), in the order of writing."""
        after = tuple(cursor.split("/", 1)) if cursor else ("", "")
        with self._reading(deadline_s) as connection:
            rows = connection.execute(_LIST, (_instant(since), _instant(until), *after, PAGE + 1)).fetchall()
        charges = tuple(ListedCharge(payment_id=UUID(row["key"]), record=_record(row)) for row in rows[:PAGE])
        return ChargePage(charges=charges, cursor=f"{rows[PAGE - 1]['made_at']}/{rows[PAGE - 1]['key']}" if len(rows) > PAGE else "")

    def totals(self, *, deadline_s: float) -> dict[str, int]:
        """Return the number of keys of each status and of refunds, and the sums charged and refunded."""
        with self._reading(deadline_s) as connection:
            counts = dict(connection.execute("SELECT standing, count(*) FROM entry GROUP BY standing").fetchall())
            (refunds,) = connection.execute("SELECT count(*) FROM refund").fetchone()
            amount, refunded = connection.execute("SELECT coalesce(sum(amount), 0), coalesce(sum(refunded), 0) FROM entry").fetchone()
        return {**counts, "refunds": refunds, "amount": amount, "amount_refunded": refunded}

    def _insert(self, key: UUID, row: tuple[str, int, str, str], *, deadline_s: float) -> ChargeRecord:
        with self._reading(deadline_s) as connection:
            inserted = connection.execute(_INSERT, (str(key), *row)).fetchall()  # to the end, which commits
            return _record(inserted[0]) if inserted else _read(connection, key)

    @contextmanager
    def _reading(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        try:
            yield _kept.connect(self._path, deadline_s=deadline_s)
        except BaseException as error:
            _kept.close()  # which rolls back
            if isinstance(error, sqlite3.Error):
                raise NoAnswerError("provider_error") from error
            raise

    @contextmanager
    def _writing(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        with self._reading(deadline_s) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


class _KeptStore(threading.local):
    """One thread's connection to the store that it used last, kept as long as the path names the same file in the same process."""

    def __init__(self) -> None:
        self._connection: sqlite3.Connection | None = None
        self._opened: tuple[object, ...] = ()
        self._deadline_s = 0.0

    def connect(self, path: Path, *, deadline_s: float) -> sqlite3.Connection:
        """Return a connection that waits up to `deadline_s` for a lock."""
        if self._connection is None or self._opened != _file_of(path):
            self.close()
            self._connection = sqlite3.connect(
                path, isolation_level=None, timeout=deadline_s, check_same_thread=False, factory=_SandboxConnection
            )
            _prepare(self._connection)
            self._connection.row_factory = sqlite3.Row
            self._opened, self._deadline_s = _file_of(path), deadline_s
        elif self._deadline_s != deadline_s:
            self._connection.execute(f"PRAGMA busy_timeout = {round(deadline_s * 1000)}")
            self._deadline_s = deadline_s
        return self._connection

    def close(self) -> None:
        """Close the connection; one that a parent process opened is only put aside."""
        if self._connection is None:
            return
        if self._opened and self._opened[0] != os.getpid():
            _of_parent.append(self._connection)
        else:
            self._connection.close()
        self._connection, self._opened = None, ()


class _SandboxConnection(sqlite3.Connection):
    """A connection that is closed with its thread, which forgets it, and without a warning."""

    def __del__(self) -> None:
        self.close()


_of_parent: list[sqlite3.Connection] = []
_kept = _KeptStore()


def _file_of(path: Path) -> tuple[object, ...]:
    """Return this process, the path and the file that it names: a restored backup is another one."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return ()
    return os.getpid(), path, found.st_dev, found.st_ino


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA synchronous=FULL")
    if connection.execute("PRAGMA user_version").fetchone() == (_SCHEMA_VERSION,):
        return
    connection.execute("BEGIN IMMEDIATE")
    if connection.execute("PRAGMA user_version").fetchone() == (1,):  # a file from before it kept the time of each record
        connection.execute("ALTER TABLE entry ADD COLUMN made_at TEXT NOT NULL DEFAULT ''")
    for statement in _TABLES.strip().rstrip(";").split(";"):
        connection.execute(statement)
    connection.execute("COMMIT")
    with suppress(sqlite3.OperationalError):  # another process switches to WAL right now
        connection.execute("PRAGMA journal_mode=WAL")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def _read(connection: sqlite3.Connection, key: UUID) -> ChargeRecord:
    row = connection.execute("SELECT * FROM entry WHERE key = ?", (str(key),)).fetchone()
    return ChargeRecord(status=ChargeStatus.NOT_FOUND) if row is None else _record(row)


def _record(row: sqlite3.Row) -> ChargeRecord:
    return ChargeRecord(
        status=ChargeStatus(row["standing"]),
        amount=row["amount"],
        refunded=row["refunded"],
        currency=row["currency"],
        reference=f"sandbox-{row['key']}" if row["standing"] == ChargeStatus.CHARGED else "",
        reason=row["reason"],
    )


def _why_not(record: ChargeRecord, *, amount: int, key_taken: bool) -> str:
    if key_taken:
        return "refund_key_reused"
    if record.status is not ChargeStatus.CHARGED:
        return "not_charged"
    return "more_than_charged" if record.refunded + amount > record.amount else ""
