"""Write rows of the view by one statement that is written once, not by the ORM, which compiles an expression for each value each time.

On PostgreSQL all rows are one parameter, a document of JSON: psycopg reads a long statement with thousands of parameters in Python.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connections
from django.db.models import DateTimeField, JSONField, Model, UUIDField

from gdmarket import statements

_Adapt = Callable[[Any], Any]


def upsert(model: type[Model], rows: Sequence[Model], *, using: str) -> None:
    """Insert rows as they are, or replace all columns of those that are there."""
    _run("DO UPDATE", model, rows, using)


def insert_missing(model: type[Model], rows: Sequence[Model], *, using: str) -> None:
    """Insert those of these rows that are not there."""
    _run("DO NOTHING", model, rows, using)


def _run(on_conflict: str, model: type[Model], rows: Sequence[Model], using: str) -> None:
    connection = connections[using]
    fields = model._meta.concrete_fields  # noqa: SLF001  # Django documents it
    with statements.cursor(connection, keeps_plan=True) as cursor:
        if connection.vendor == "postgresql":
            document = msgspec.json.encode([{field.column: row.__dict__[field.attname] for field in fields} for row in rows])
            cursor.execute(_sql(model, connection.vendor, on_conflict), [document.decode()])
        else:
            adapters = [_adapters(connection.ops.adapt_datetimefield_value).get(type(field)) for field in fields]
            columns = [(field.attname, adapt) for field, adapt in zip(fields, adapters, strict=True)]
            cursor.executemany(_sql(model, connection.vendor, on_conflict), [_values(row, columns) for row in rows])


def _values(row: Model, columns: Sequence[tuple[str, _Adapt | None]]) -> list[Any]:
    named = ((row.__dict__[name], adapt) for name, adapt in columns)
    return [value if adapt is None or value is None else adapt(value) for value, adapt in named]


def _adapters(adapt_instant: _Adapt) -> dict[type, _Adapt]:
    return {UUIDField: lambda value: value.hex, DateTimeField: adapt_instant, JSONField: lambda value: msgspec.json.encode(value).decode()}


@lru_cache(maxsize=8)
def _sql(model: type[Model], vendor: str, on_conflict: str) -> str:
    meta = model._meta  # noqa: SLF001  # Django documents it
    columns = [str(field.column) for field in meta.concrete_fields]
    names, key = ", ".join(columns), meta.pk.column
    marks = ", ".join(["%s"] * len(columns))
    new = ", ".join(f"{column} = excluded.{column}" for column in columns if column != key)
    replacing = f" SET {new}" if on_conflict == "DO UPDATE" else ""
    rows = f"SELECT {names} FROM jsonb_populate_recordset(NULL::{meta.db_table}, %s)" if vendor == "postgresql" else f"VALUES ({marks})"  # noqa: S608  # a model's own names
    return f"INSERT INTO {meta.db_table} ({names}) {rows} ON CONFLICT ({key}) {on_conflict}{replacing}"  # the same
