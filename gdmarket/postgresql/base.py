"""The backend: connections whose socket tells whether they are alive, transactions that begin late, and cursors for statements."""

import select
from collections.abc import Sequence
from time import monotonic
from types import TracebackType
from typing import Any, NamedTuple, Self

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.base.base import debug_transaction  # type: ignore[attr-defined]  # the stubs lack it
from django.db.backends.postgresql import base
from psycopg import pq
from psycopg.sql import Literal

from gdmarket.postgresql.session import Session, Values

# A connection that was used so lately is not asked: a server that ends, or what is between, has told its socket.
HEALTH_CHECK_AFTER_S = 5.0


class Mogrified(NamedTuple):
    """A statement with its values, where Django's log of statements looks for it."""

    query: bytes


class StatementCursor:
    """A cursor for statements whose values are sent beside them, one by one."""

    def __init__(self, session: Session, *, keeps_plan: bool) -> None:
        """Run statements in this session."""
        self._session, self._keeps_plan = session, keeps_plan
        self._last: tuple[str, Values | None] = ("", None)
        self._rows: Sequence[tuple[Any, ...]] = ()
        self._at = 0
        self.rowcount = -1

    def execute(self, sql: str, values: Values | None = None) -> None:
        """Run a statement; its rows are fetched with it."""
        self._last, self._rows, self._at, self.rowcount = (sql, values), (), 0, -1
        result = self._session.run(sql, values, keeps_plan=self._keeps_plan)
        self.rowcount = result.ntuples if result.nfields else result.command_tuples or 0
        if result.nfields:
            self._rows = self._session.load(result)

    def fetchall(self) -> list[tuple[Any, ...]]:
        """Return the rows that are left."""
        rows, self._at = self._rows[self._at :], len(self._rows)
        return list(rows)

    def fetchone(self) -> tuple[Any, ...] | None:
        """Return the next row, None after the last."""
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return self._rows[self._at - 1]

    @property
    def _query(self) -> Mogrified:
        return Mogrified(self._session.mogrify(*self._last))

    def close(self) -> None:
        """Do nothing: the server keeps nothing for it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None) -> None:
        """Do nothing, as `close` does."""


class _BeginningCursor:
    """What begins the transaction that is due before a cursor of psycopg sends a statement: a cursor may be older than its transaction."""

    session: Session | None = None

    def execute(self, *args: Any, **options: Any) -> Any:
        self._begin()
        return super().execute(*args, **options)  # type: ignore[misc]  # the cursor's

    def executemany(self, *args: Any, **options: Any) -> Any:
        self._begin()
        return super().executemany(*args, **options)  # type: ignore[misc]  # the cursor's

    def copy(self, *args: Any, **options: Any) -> Any:
        self._begin()
        return super().copy(*args, **options)  # type: ignore[misc]  # the cursor's

    def stream(self, *args: Any, **options: Any) -> Any:
        self._begin()
        return super().stream(*args, **options)  # type: ignore[misc]  # the cursor's

    def _begin(self) -> None:
        if self.session is not None:
            self.session.begin()


class Cursor(_BeginningCursor, base.Cursor):
    """psycopg's, as Django uses it."""


class ServerSideCursor(_BeginningCursor, base.ServerSideCursor):
    """The same, with rows that stay on the server until they are fetched."""


class PostgresqlConnection(base.DatabaseWrapper):
    """A connection that runs its statements, and begins its transactions, in a session."""

    _session: Session
    _used_s = 0.0

    def get_connection_params(self) -> dict[str, Any]:
        """Return what psycopg connects with."""
        params: dict[str, Any] = super().get_connection_params()
        if params["cursor_factory"] is not base.Cursor:
            raise ImproperlyConfigured("gdmarket.postgresql has no server_side_binding: statement_cursor() sends values beside a statement")
        params.pop("prepared_statements", None)
        return params | {"cursor_factory": Cursor}

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect."""
        connection = super().get_new_connection(conn_params)
        prepares = self.settings_dict["OPTIONS"].get("prepared_statements", True) is not False
        self._session = Session(connection, alias=self.alias, prepares=prepares)
        return connection

    def is_usable(self) -> bool:
        """Return whether the connection is alive.

        Between requests a server has nothing to say but that it ends. So one that is silent, and was used a moment ago, is not asked.
        """
        if self.connection is None or self.connection.closed:
            return False
        is_idle = self.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE
        is_known = is_idle and not self.errors_occurred and monotonic() - self._used_s < HEALTH_CHECK_AFTER_S
        if is_known and not is_readable(self.connection.fileno()):
            return True
        return bool(super().is_usable())

    def create_cursor(self, name: str | None = None) -> Any:
        """Return psycopg's cursor; `name` is for one on the server."""
        self._used_s = monotonic()
        if name:
            # Django asks psycopg's connection alone whether there is a transaction, and that is in autocommit mode in `atomic()`, too.
            is_outside = self.connection.autocommit and not self.in_atomic_block
            make: Any = ServerSideCursor
            cursor = make(self.connection, name=name, scrollable=False, withhold=is_outside)
        else:
            cursor = super().create_cursor()
        cursor.session = self._session
        return cursor

    def statement_cursor(self, *, keeps_plan: bool) -> Any:
        """Return a cursor whose statements get their values beside them; with `keeps_plan` each is prepared once a connection.

        It has `execute`, `fetchone`, `fetchall` and `rowcount`. A plan that is kept suits all values: it is for statements that find rows
        by a key. Others are planned each time.
        """
        self.close_if_health_check_failed()
        self.ensure_connection()
        self._used_s = monotonic()
        return self._prepare_cursor(StatementCursor(self._session, keeps_plan=keeps_plan))  # type: ignore[attr-defined]  # the stubs lack it

    def literal(self, value: Any) -> str:
        """Return a value as SQL."""
        self.ensure_connection()
        return Literal(value).as_string(self.connection)

    def _start_transaction_under_autocommit(self) -> None:
        """Begin a transaction with the next statement; psycopg's connection stays in autocommit mode."""
        with debug_transaction(self, "BEGIN"):
            self._session.begin_is_pending = True

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001  # Django's hook
        if self.connection.autocommit != autocommit:
            super()._set_autocommit(autocommit)  # type: ignore[misc]  # the stubs lack it

    def _commit(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "COMMIT"), self.wrap_database_errors:
                self._session.end(b"COMMIT")

    def _rollback(self) -> None:
        if self.connection is not None:
            with debug_transaction(self, "ROLLBACK"), self.wrap_database_errors:
                self._session.end(b"ROLLBACK")


def is_readable(socket: int) -> bool:
    """Return whether the other end has sent something, or has hung up."""
    poll = select.poll()
    poll.register(socket, select.POLLIN | select.POLLPRI)
    return bool(poll.poll(0))


# Under this name Django looks for a backend.
DatabaseWrapper = PostgresqlConnection
