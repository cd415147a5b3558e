"""Emptying tables between tests: the ledger refuses to lose a row, so its guard is away for that moment."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from django.db.backends.sqlite3 import base as sqlite

_GUARDED = "payments_posting"
_BOOKS = "apps.payments.migrations.0003_book_the_past"


def lift_guards_to_flush() -> None:
    """Let what empties the tables between tests take the ledger's guard away, and put it back. PostgreSQL truncates, which no row hears."""
    guard = import_module(_BOOKS)
    flush: Callable[..., list[str]] = sqlite.DatabaseWrapper.ops_class.sql_flush

    def sql_flush(self: Any, style: Any, tables: Any, **options: Any) -> list[str]:
        statements = flush(self, style, tables, **options)
        return [*guard.UNGUARD["sqlite"], *statements, *guard.GUARD["sqlite"]] if _GUARDED in tables else statements

    sqlite.DatabaseWrapper.ops_class.sql_flush = sql_flush  # type: ignore[method-assign]  # the whole point
