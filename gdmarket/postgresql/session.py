"""One connection's statements: sent with their values beside them, by libpq's own calls, and prepared where their plan may be kept.

psycopg's cursor writes values into the statement, and waits for the answer in Python: 120 µs of CPU for a row, where this takes 30. Values
have no types here: the server takes them from where they stand, as a column's value or by a cast. Everything else goes through psycopg's
cursors.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from time import monotonic
from typing import Any
from uuid import UUID

from psycopg import ClientCursor, Connection, DataError, Error, OperationalError, errors, pq
from psycopg.adapt import PyFormat, Transformer

logger = logging.getLogger(__name__)

_OK = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_PLACEHOLDER = re.compile(r"%(?:%|s|\((\w+)\)s)")
# A plan was made for tables as they were: a queue that was empty is read from end to end. So it is made anew after a while.
PREPARED_FOR_S = 10.0
# What is used less often in that time is planned each time.
_PREPARED_AFTER = 3
# What the server says of a prepared statement that it cannot run, or does not take: it may be sent unprepared.
_REFUSALS = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement, errors.FeatureNotSupported)
# The databases of this process behind a pooler that loses what was prepared.
_losing_aliases: set[str] = set()

Values = Sequence[Any] | Mapping[str, Any]


@dataclass(slots=True)
class _PreparedStatement:
    """A statement that is used again and again: how often until when, and its name once the server has prepared it.

    The name is a digest of the statement. So another connection, which a pooler gave instead, knows no such name, or the same statement.
    """

    until_s: float
    uses: int = 0
    name: bytes = b""


class Session:
    """What is known of one connection to the server."""

    def __init__(self, connection: "Connection[Any]", *, alias: str, prepares: bool) -> None:
        """Take an open connection of a database, in autocommit mode. Without `prepares` nothing is prepared."""
        self._connection, self._server = connection, connection.pgconn
        self._rows = Transformer(connection)
        self._alias, self._prepares, self._prepared = alias, prepares, dict[bytes, _PreparedStatement]()
        level = connection.isolation_level
        self._begin = b"BEGIN" if level is None else b"BEGIN ISOLATION LEVEL " + level.name.replace("_", " ").encode()
        #: Whether a transaction is to begin with the next statement.
        self.begin_is_pending = False

    def begin(self) -> bool:
        """Begin the transaction that is due; return whether one was."""
        if not self.begin_is_pending and (self._connection.autocommit or self._server.transaction_status != pq.TransactionStatus.IDLE):
            return False
        self._command(self._begin)
        self.begin_is_pending = False
        return True

    def end(self, command: bytes) -> None:
        """Run `COMMIT` or `ROLLBACK`, unless nothing was done in the transaction."""
        if self.begin_is_pending:
            self.begin_is_pending = False
        elif self._server.transaction_status != pq.TransactionStatus.IDLE:
            self._command(command)

    def run(self, sql: str, values: Values | None, *, keeps_plan: bool) -> "pq.abc.PGresult":
        """Run a statement and return its result. Its plan is made anew for the values, unless it `keeps_plan`.

        :raises psycopg.Error: as the server says
        """
        query, names = _to_positional(sql)
        given: Sequence[Any] = [values[name] for name in names] if isinstance(values, Mapping) else values or ()
        texts = [_TEXT.get(type(value), self._dump)(value) for value in given]
        has_begun = self.begin()
        try:
            is_prepared = keeps_plan and self._prepares and self._alias not in _losing_aliases
            return self._checked(self._run_prepared(query, texts) if is_prepared else self._server.exec_params(query, texts))
        except _REFUSALS as refusal:
            if not self._mend(query, refusal):
                raise
            if has_begun:
                self._command(b"ROLLBACK")
                self._command(self._begin)
            elif self._server.transaction_status != pq.TransactionStatus.IDLE:
                # What the transaction did before is lost: its caller may begin it anew, as after a lost connection.
                raise OperationalError(f"a prepared statement is no longer valid: {refusal}") from refusal
            return self._checked(self._server.exec_params(query, texts))

    def load(self, result: "pq.abc.PGresult") -> list[tuple[Any, ...]]:
        """Return a result's rows."""
        self._rows.set_pgresult(result)
        return self._rows.load_rows(0, result.ntuples, tuple)

    def mogrify(self, sql: str, values: Values | None) -> bytes:
        """Return a statement with its values in it, for logs."""
        return ClientCursor(self._connection).mogrify(sql, values).encode()

    def _run_prepared(self, query: bytes, texts: Any) -> "pq.abc.PGresult":
        statement, now_s = self._prepared.get(query), monotonic()
        if statement is None or now_s > statement.until_s:
            if statement is not None:
                self._close(statement)
            statement = self._prepared[query] = _PreparedStatement(until_s=now_s + PREPARED_FOR_S)
        statement.uses += 1
        if statement.uses <= _PREPARED_AFTER:
            return self._server.exec_params(query, texts)
        if not statement.name:
            name = _name(query)
            self._checked(self._server.prepare(name, query))
            statement.name = name
        return self._server.exec_prepared(statement.name, texts)

    def _close(self, statement: _PreparedStatement) -> None:
        if statement.name:
            self._checked(self._server.close_prepared(statement.name))

    def _mend(self, query: bytes, refusal: Error) -> bool:
        """Make a prepared statement runnable again, now or when it is prepared anew; return False if it is refused for another reason."""
        statement = self._prepared.get(query)
        if statement is None:
            return False
        if isinstance(refusal, errors.DuplicatePreparedStatement):
            # By whoever had this connection of a pooler before. It is the same statement.
            statement.name = _name(query)
        elif isinstance(refusal, errors.InvalidSqlStatementName):
            del self._prepared[query]
            if self._alias not in _losing_aliases:
                _losing_aliases.add(self._alias)
                logger.warning("prepared statements are lost between transactions: add ?prepared_statements=false to the database's URL")
        elif refusal.diag.source_function == "RevalidateCachedQuery":
            # "cached plan must not change result type": a migration has changed the table's columns.
            del self._prepared[query]
            self._close(statement)
        else:
            return False
        return True

    def _dump(self, value: Any) -> bytes | None:
        return None if value is None else bytes(self._rows.get_dumper(value, PyFormat.TEXT).dump(value) or b"")

    def _command(self, command: bytes) -> None:
        self._checked(self._server.exec_(command))

    def _checked(self, result: "pq.abc.PGresult") -> "pq.abc.PGresult":
        if result.status in _OK:
            return result
        if self._server.status != pq.ConnStatus.OK:
            raise OperationalError(result.get_error_message())
        raise errors.error_from_result(result)


@lru_cache(maxsize=2048)
def _to_positional(sql: str) -> tuple[bytes, Sequence[str]]:
    """Return a statement with `$1, $2 …` for `%s` or `%(name)s`, and the names. A name has a number, and a type, wherever it stands."""
    names: list[str] = []

    def number(mark: re.Match[str]) -> str:
        if mark[0] == "%%":
            return "%"
        names.append(mark[1])
        return f"${len(names)}"

    return _PLACEHOLDER.sub(number, sql).encode(), names


def _name(query: bytes) -> bytes:
    return b"gdmarket_" + sha256(query).hexdigest()[:24].encode()


def _of_text(value: str) -> bytes:
    if "\0" in value:
        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return value.encode()


# By type, for speed; what is of no such type psycopg knows how to write.
_TEXT: Mapping[type, Callable[[Any], bytes]] = {
    str: _of_text,
    UUID: lambda value: value.hex.encode(),
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: b"%d" % value,
    float: lambda value: repr(value).encode(),
    datetime: lambda value: str(value).encode(),
}
