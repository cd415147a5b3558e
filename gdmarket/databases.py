"""Which database holds each context's tables: one for all contexts, or several, each with an event log.

config/database_urls.py makes `DATABASES` and `GDMARKET_CONTEXT_DATABASES` from the environment. Tables of no context, such as sessions,
are in `default`; those of the bus are in every database.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

BeforeCommit = Callable[[str], None]

_before_commit: list[BeforeCommit] = []


def alias_for(context: str) -> str:
    """Return the alias of the database that a context's tables are in."""
    alias: str = settings.GDMARKET_CONTEXT_DATABASES.get(context, DEFAULT_DB_ALIAS)
    return alias


def aliases() -> list[str]:
    """Return the alias of every database in use, `default` first."""
    return list(dict.fromkeys([DEFAULT_DB_ALIAS, *settings.GDMARKET_CONTEXT_DATABASES.values()]))


def transaction_for(context: str, *, savepoint: bool = False) -> "TransactionScope":
    """Return a transaction on a context's database, or a part of the one that is open.

    An error in a part rolls all of it back, unless it has a `savepoint`: only a part whose error the code around it survives needs one.
    What is published is written at the end of the outermost part, all at once.
    """
    return TransactionScope(using=alias_for(context), savepoint=savepoint)


def before_commit(write: BeforeCommit) -> None:
    """Set what is called with the alias at the end of each outermost transaction of `transaction_for` that is not rolled back, inside it.

    The bus sets it. It is here because the bus needs this module, and set before anything can be published: by the module of `publish`.
    """
    _before_commit[:] = [write]


def is_scope_open(using: str) -> bool:
    """Return whether this thread is in a `TransactionScope` of a database."""
    return using in _thread.depths


class _Thread(threading.local):
    """How deep one thread is in transactions of each database."""

    def __init__(self) -> None:
        self.depths: dict[str, int] = {}


_thread = _Thread()


class TransactionScope(transaction.Atomic):
    """`transaction.atomic` without savepoints that nobody asked for, and with a last step before the commit.

    Like `Atomic` it keeps nothing of a transaction, so that one that decorates a function is safe between threads.
    """

    def __init__(self, *, using: str, savepoint: bool = False) -> None:
        """Use the database `using`. Within another's `atomic`, such as a test's, the outermost scope always has a savepoint."""
        super().__init__(using, savepoint=savepoint, durable=False)
        self._alias, self._has_savepoint = using, savepoint

    def __enter__(self) -> None:
        """Begin a transaction, or a part of the one that is open."""
        has_savepoint = self._has_savepoint or not is_scope_open(self._alias)
        transaction.Atomic(self._alias, savepoint=has_savepoint, durable=False).__enter__()
        _thread.depths[self._alias] = _thread.depths.get(self._alias, 0) + 1

    def __exit__(self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None) -> None:
        """End it; what is to be written before the commit is written first, and an error there rolls it back."""
        _thread.depths[self._alias] -= 1
        if not _thread.depths[self._alias]:
            del _thread.depths[self._alias]
            if exc_type is None and not connections[self._alias].needs_rollback:
                try:
                    for write in _before_commit:
                        write(self._alias)
                except BaseException as failure:
                    super().__exit__(type(failure), failure, failure.__traceback__)
                    raise
        super().__exit__(exc_type, exc_value, traceback)


class ContextRouter:
    """Routes each context's models to its database. The bus names its database itself; relations stay within one, as Django's default."""

    def db_for_read(self, model: type[models.Model], **_: Any) -> str | None:
        """Return the alias to read from; None leaves it to Django: the database the row came from, else `default`."""
        return settings.GDMARKET_CONTEXT_DATABASES.get(model._meta.app_label)  # noqa: SLF001  # Django documents it

    db_for_write = db_for_read

    def allow_migrate(self, db: str, app_label: str, **_: Any) -> bool:
        """Return whether an app's tables belong in a database."""
        return app_label == "bus" or db == alias_for(app_label)
