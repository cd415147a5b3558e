"""The book of a payment provider to try things with: a SQLite file that every key is written into once, whoever asks."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from apps.payments.gateways.port import Entry, Intent, Listed, NoAnswerError, Page, RefundEntry, RefundStanding, Standing

PAGE = 100

_BOOK_VERSION = 2
_TABLES = f"""
CREATE TABLE IF NOT EXISTS entry (
    key TEXT PRIMARY KEY, standing TEXT NOT NULL, amount INTEGER NOT NULL, currency TEXT NOT NULL,
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND amount), reason TEXT NOT NULL,
    made_at TEXT NOT NULL DEFAULT ''
);
CREATE TABLE IF NOT EXISTS refund (refund_key TEXT PRIMARY KEY, key TEXT NOT NULL REFERENCES entry, amount INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS entry_made ON entry (made_at, key);
PRAGMA user_version = {_BOOK_VERSION};
"""
_INSERT = """
INSERT INTO entry (key, standing, amount, currency, reason, made_at) VALUES (?, ?, ?, ?, ?, strftime('%Y-%m-%dT%H:%M:%f', 'now'))
ON CONFLICT (key) DO NOTHING
"""
_LIST = """
SELECT * FROM entry WHERE standing = 'charged' AND made_at >= ? AND made_at < ? AND (made_at, key) > (?, ?)
ORDER BY made_at, key LIMIT ?
"""


class Book:
    """A provider's book, safe across threads and processes; what was written survives every restart.

    A book that cannot be read or written within the deadline is a provider that does not answer: NoAnswerError.
    """

    def __init__(self, *, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path

    def charge(self, *, intent: Intent, declined: str = "", deadline_s: float) -> Entry:
        """Write a charge under the intent's key, or why it is `declined`, unless the key is taken; return what stands there."""
        row = (Standing.DECLINED, 0, "", declined) if declined else (Standing.CHARGED, intent.amount, intent.currency, "")
        with self._writing(deadline_s) as book:
            book.execute(_INSERT, (str(intent.key), *row))
            return _read(book, intent.key)

    def refund(self, *, key: UUID, refund_key: UUID, amount: int, deadline_s: float) -> RefundEntry:
        """Write a refund under `refund_key`, once for ever, unless more than was charged would have been given back."""
        with self._writing(deadline_s) as book:
            entry = _read(book, key)
            seen = book.execute("SELECT key, amount FROM refund WHERE refund_key = ?", (str(refund_key),)).fetchone()
            if seen is None or tuple(seen) != (str(key), amount):
                refusal = _why_not(entry, amount=amount, key_taken=seen is not None)
                if refusal:
                    return RefundEntry(standing=RefundStanding.REFUSED, reason=refusal)
                book.execute("INSERT INTO refund VALUES (?, ?, ?)", (str(refund_key), str(key), amount))
                book.execute("UPDATE entry SET refunded = refunded + ? WHERE key = ?", (amount, str(key)))
            return RefundEntry(standing=RefundStanding.REFUNDED, reference=f"sandbox-{refund_key}")

    def void(self, *, key: UUID, deadline_s: float) -> Entry:
        """Put a tombstone under an unseen key, and return what stands there."""
        with self._writing(deadline_s) as book:
            book.execute(_INSERT, (str(key), Standing.VOIDED, 0, "", ""))
            return _read(book, key)

    def lookup(self, *, key: UUID, deadline_s: float) -> Entry:
        """Return what stands under a key."""
        with self._reading(deadline_s) as book:
            return _read(book, key)

    def list_charges(self, *, since: datetime, until: datetime, cursor: str, deadline_s: float) -> Page:
        """Return a page of what was charged in [`since`, `until`), in the order of writing."""
        after = tuple(cursor.split("/", 1)) if cursor else ("", "")
        with self._reading(deadline_s) as book:
            rows = book.execute(_LIST, (_instant(since), _instant(until), *after, PAGE + 1)).fetchall()
        charges = tuple(Listed(key=UUID(row["key"]), entry=_entry(row)) for row in rows[:PAGE])
        return Page(charges=charges, cursor=f"{rows[PAGE - 1]['made_at']}/{rows[PAGE - 1]['key']}" if len(rows) > PAGE else "")

    def totals(self, *, deadline_s: float) -> dict[str, int]:
        """Return how many keys there are of each standing and how many refunds, and the sums charged and given back."""
        with self._reading(deadline_s) as book:
            counts = dict(book.execute("SELECT standing, count(*) FROM entry GROUP BY standing").fetchall())
            (refunds,) = book.execute("SELECT count(*) FROM refund").fetchone()
            amount, refunded = book.execute("SELECT coalesce(sum(amount), 0), coalesce(sum(refunded), 0) FROM entry").fetchone()
        return {**counts, "refunds": refunds, "amount": amount, "amount_refunded": refunded}

    @contextmanager
    def _reading(self, deadline_s: float) -> Iterator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None, timeout=deadline_s)) as book:
                _prepare(book)
                book.row_factory = sqlite3.Row
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
    if book.execute("PRAGMA user_version").fetchone() == (_BOOK_VERSION,):
        return
    book.execute("BEGIN IMMEDIATE")
    if book.execute("PRAGMA user_version").fetchone() == (1,):  # a book from before it kept the time of each entry
        book.execute("ALTER TABLE entry ADD COLUMN made_at TEXT NOT NULL DEFAULT ''")
    for statement in _TABLES.strip().rstrip(";").split(";"):
        book.execute(statement)
    book.execute("COMMIT")
    with suppress(sqlite3.OperationalError):  # another process turns to WAL at this very moment: the file will be in it either way
        book.execute("PRAGMA journal_mode=WAL")


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def _read(book: sqlite3.Connection, key: UUID) -> Entry:
    row = book.execute("SELECT * FROM entry WHERE key = ?", (str(key),)).fetchone()
    return Entry(standing=Standing.NOT_FOUND) if row is None else _entry(row)


def _entry(row: sqlite3.Row) -> Entry:
    return Entry(
        standing=Standing(row["standing"]),
        amount=row["amount"],
        refunded=row["refunded"],
        currency=row["currency"],
        reference=f"sandbox-{row['key']}" if row["standing"] == Standing.CHARGED else "",
        reason=row["reason"],
    )


def _why_not(entry: Entry, *, amount: int, key_taken: bool) -> str:
    if key_taken:
        return "refund_key_reused"
    if entry.standing is not Standing.CHARGED:
        return "not_charged"
    return "more_than_charged" if entry.refunded + amount > entry.amount else ""
