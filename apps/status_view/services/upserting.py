"""Write rows of the view by one statement that is written once: the ORM compiles as many expressions as there are values each time."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connections
from django.db.models import DateTimeField, JSONField, Model, UUIDField

# So many rows have fewer values than SQLite takes parameters.
_AT_ONCE = 500

_Adapt = Callable[[Any], Any]


def upsert(model: type[Model], rows: Sequence[Model], *, using: str) -> None:
    """Insert rows, or replace all columns of those that are there, as they are."""
    vendor = connections[using].vendor
    names, adapters = _columns(model, vendor)
    for start in range(0, len(rows), _AT_ONCE):
        values = [
            value if adapt is None or value is None else adapt(value)
            for row in rows[start : start + _AT_ONCE]
            for value, adapt in zip(map(row.__dict__.__getitem__, names), adapters, strict=True)
        ]
        with connections[using].cursor() as cursor:
            cursor.execute(_sql(model, len(values) // len(names)), values)


@lru_cache(maxsize=256)
def _sql(model: type[Model], count: int) -> str:
    meta = model._meta  # noqa: SLF001  # Django documents it
    columns = [str(field.column) for field in meta.concrete_fields]
    row = f"({', '.join(['%s'] * len(columns))})"
    new = ", ".join(f"{column} = excluded.{column}" for column in columns if column != meta.pk.column)
    return (
        f"INSERT INTO {meta.db_table} ({', '.join(columns)}) VALUES {', '.join([row] * count)} "  # noqa: S608  # a model's own names
        f"ON CONFLICT ({meta.pk.column}) DO UPDATE SET {new}"
    )


@lru_cache(maxsize=8)
def _columns(model: type[Model], vendor: str) -> tuple[tuple[str, ...], tuple[_Adapt | None, ...]]:
    """Return the attributes of a model's columns, and how each value is adapted to the database, if it is."""
    fields = model._meta.concrete_fields  # noqa: SLF001  # Django documents it
    adapters: dict[type, _Adapt] = {JSONField: lambda value: msgspec.json.encode(value).decode()}
    if vendor == "sqlite":
        connection = next(each for each in connections.all() if each.vendor == vendor)
        adapters |= {UUIDField: lambda value: value.hex, DateTimeField: connection.ops.adapt_datetimefield_value}
    return tuple(field.attname for field in fields), tuple(adapters.get(type(field)) for field in fields)
