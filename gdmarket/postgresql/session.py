"""One connection's statements: sent with their values beside them, by libpq's own calls, and prepared where their plan may be kept.

psycopg's cursor writes values into the statement, and waits for the answer in Python: 120 µs of CPU for a row, where this takes 30. It
serves what gives its values no types, so the server takes these from where they stand. Everything else goes through psycopg's cursors.
"""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from time import monotonic
from typing import Any
from uuid import UUID

from psycopg import ClientCursor, Connection, DataError, Error, OperationalError, errors, pq
from psycopg.adapt import PyFormat, Transformer

logger = logging.getLogger(__name__)

_OK = (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK)
_MARK = re.compile(r"%(?:%|s|\((\w+)\)s)")
# A plan was made for tables as they were: a queue that was empty is read from end to end. So it is made anew after a while.
KEPT_S = 10.0
# What is used less often in that time is planned each time.
_PREPARED_AFTER = 3
# A pooler gave the connection to another server, which has not prepared the statement, or has one of the same name.
_LOST_BY_A_POOLER = (errors.InvalidSqlStatementName, errors.DuplicatePreparedStatement)

Values = Sequence[Any] | Mapping[str, Any]


@dataclass(slots=True)
class _Kept:
    """A statement that is used again and again: how often until when, and its name once the server has prepared it."""

    until_s: float
    uses: int = 0
    name: bytes = b""


class Session:
    """What is known of one connection to the server."""

    def __init__(self, connection: "Connection[Any]", *, prepares: bool) -> None:
        """Take an open connection in autocommit mode. Without `prepares` nothing is prepared."""
        self._connection, self._server = connection, connection.pgconn
        self._rows = Transformer(connection)
        self._prepares, self._kept, self._number = prepares, dict[bytes, _Kept](), 0
        #: Whether a transaction is to begin with the next statement.
        self.must_begin = False

    def begin(self) -> bool:
        """Begin the transaction that is due; return whether one was."""
        if not self.must_begin and (self._connection.autocommit or self._server.transaction_status != pq.TransactionStatus.IDLE):
            return False
        self.must_begin = False
        self._command(b"BEGIN")
        return True

    def end(self, command: bytes) -> None:
        """Run `COMMIT` or `ROLLBACK`, unless nothing was done in the transaction."""
        if self.must_begin:
            self.must_begin = False
        elif self._server.transaction_status != pq.TransactionStatus.IDLE:
            self._command(command)

    def run(self, sql: str, values: Values | None, *, keeps_plan: bool) -> "pq.abc.PGresult":
        """Run a statement and return its result. Its plan is made anew for the values, unless it `keeps_plan`.

        :raises psycopg.Error: as the server says
        """
        query, names = _numbered(sql)
        given: Sequence[Any] = [values[name] for name in names] if isinstance(values, Mapping) else values or ()
        texts = [_TEXT.get(type(value), self._dump)(value) for value in given]
        has_begun = self.begin()
        try:
            return self._checked(self._run_kept(query, texts) if keeps_plan and self._prepares else self._server.exec_params(query, texts))
        except (*_LOST_BY_A_POOLER, errors.FeatureNotSupported) as refusal:
            # "cached plan must not change result type": a migration has changed the table's columns.
            if not self._forget(query, refusal):
                raise
            if has_begun:
                self._command(b"ROLLBACK")
                self._command(b"BEGIN")
            elif self._server.transaction_status != pq.TransactionStatus.IDLE:
                # What the transaction did before is lost: its caller may begin it anew, as after a lost connection.
                raise OperationalError(f"a prepared statement is no longer valid: {refusal}") from refusal
            return self._checked(self._server.exec_params(query, texts))

    def load(self, result: "pq.abc.PGresult") -> list[tuple[Any, ...]]:
        """Return a result's rows."""
        self._rows.set_pgresult(result)
        return self._rows.load_rows(0, result.ntuples, tuple)

    def written_out(self, sql: str, values: Values | None) -> bytes:
        """Return a statement with its values in it, for logs."""
        return ClientCursor(self._connection).mogrify(sql, values).encode()

    def _run_kept(self, query: bytes, texts: Any) -> "pq.abc.PGresult":
        kept, now_s = self._kept.get(query), monotonic()
        if kept is None or now_s > kept.until_s:
            if kept is not None:
                self._close(kept)
            kept = self._kept[query] = _Kept(until_s=now_s + KEPT_S)
        kept.uses += 1
        if kept.uses <= _PREPARED_AFTER:
            return self._server.exec_params(query, texts)
        if not kept.name:
            self._number += 1
            name = b"gdmarket_%d" % self._number
            self._checked(self._server.prepare(name, query))
            kept.name = name
        return self._server.exec_prepared(kept.name, texts)

    def _close(self, kept: _Kept) -> None:
        if kept.name:
            self._checked(self._server.close_prepared(kept.name))

    def _forget(self, query: bytes, refusal: Error) -> bool:
        """Forget a statement that the server cannot run any more; return False if it is refused for another reason."""
        if isinstance(refusal, _LOST_BY_A_POOLER):
            self._prepares = False
            logger.warning("prepared statements are lost between transactions: add ?prepared_statements=false to the database's URL")
        elif refusal.diag.source_function != "RevalidateCachedQuery":
            return False
        del self._kept[query]
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
def _numbered(sql: str) -> tuple[bytes, Sequence[str]]:
    """Return a statement with `$1, $2 …` for `%s` or `%(name)s`, and the names. A name has a number, and a type, wherever it stands."""
    names: list[str] = []

    def number(mark: re.Match[str]) -> str:
        if mark[0] == "%%":
            return "%"
        names.append(mark[1])
        return f"${len(names)}"

    return _MARK.sub(number, sql).encode(), names


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
