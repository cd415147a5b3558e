"""Statements that requests run again and again: on PostgreSQL their values travel beside them, on SQLite as ever."""

import re
from collections.abc import Callable, Sequence
from typing import Any

_PLACEHOLDER = re.compile(r"%[%s]")


def cursor(connection: Any, *, keeps_plan: bool = False) -> Any:
    """Return a cursor for statements whose parameters get their types from where they stand, as a column's value or by a cast.

    It has `execute`, `fetchone`, `fetchall` and `rowcount`. With `keeps_plan` PostgreSQL keeps the statement, and a plan that suits all
    values, for some seconds: for rows that are found by a key. Otherwise it is planned for the values each time.
    """
    make = getattr(connection, "statement_cursor", None)
    return connection.cursor() if make is None else make(keeps_plan=keeps_plan)


def with_constants(
    compiled: tuple[str, Sequence[Any]], connection: Any, *, is_constant: Callable[[Any], bool]
) -> tuple[str, Sequence[Any]]:
    """Return a statement with those parameters that are constants written into it, and the others.

    A constant has a type, and PostgreSQL knows it when it plans: without it a partial index is of no use to a plan that is kept.
    """
    if not hasattr(connection, "literal"):
        return compiled
    sql, params = compiled
    given = iter(params)
    left = []

    def written(mark: "re.Match[str]") -> str:
        if mark[0] == "%%":
            return "%%"
        param = next(given)
        if is_constant(param):
            return str(connection.literal(param)).replace("%", "%%")
        left.append(param)
        return "%s"

    return _PLACEHOLDER.sub(written, sql), left
