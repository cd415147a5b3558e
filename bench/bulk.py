"""Writing many rows of a model: by COPY on PostgreSQL, by one prepared INSERT on SQLite."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from django.db import connections
from django.db.models import AutoField, Field, Model
from django.db.models.fields import NOT_PROVIDED

from gdmarket import text
from gdmarket.text_columns import FoldedField


class Table:
    """One model's table. What values do not name is the column's default, or follows from others where the product folds it."""

    def __init__(self, model: type[Model], *, using: str) -> None:
        self.model, self._connection = model, connections[using]
        fields = [field for field in model._meta.concrete_fields if not isinstance(field, AutoField)]  # noqa: SLF001  # Django documents it
        self._columns: list[tuple[str, Any]] = [(field.attname, _default(field)) for field in fields]
        self._folded = {field.attname: field.of for field in fields if isinstance(field, FoldedField)}
        self._is_postgresql = self._connection.vendor == "postgresql"
        names = ", ".join(self._connection.ops.quote_name(str(field.column)) for field in fields)
        marks = ", ".join(["%s"] * len(fields))
        table = model._meta.db_table  # noqa: SLF001  # Django documents it
        self._copy = f"COPY {table} ({names}) FROM STDIN"
        self._insert = f"INSERT INTO {table} ({names}) VALUES ({marks})"

    def write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write rows, within the caller's transaction."""
        with self._connection.cursor() as cursor:
            if self._is_postgresql:
                with cursor.copy(self._copy) as copy:
                    for row in rows:
                        copy.write_row(self._of(row))
            else:
                cursor.executemany(self._insert, [[_in_sqlite(value) for value in self._of(row)] for row in rows])

    def _of(self, row: Mapping[str, Any]) -> list[Any]:
        values = [row.get(name, default) for name, default in self._columns]
        if self._folded:
            for place, (name, _) in enumerate(self._columns):
                if name in self._folded and name not in row:
                    values[place] = "\n".join(_fold(row[part]) for part in self._folded[name])
        return values


def _default(field: "Field[Any, Any]") -> Any:
    if field.default is NOT_PROVIDED:
        return None if field.null else ""
    made = field.default() if callable(field.default) else field.default
    return json.dumps(made) if isinstance(made, list | dict) else made


@cache
def _fold(part: str) -> str:
    return text.folded(text=part)


def _in_sqlite(value: Any) -> Any:
    """Return a value as Django's backend writes it."""
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(" ")
    return value


def settle(tables: Sequence[Table], *, using: str) -> None:
    """Vacuum and analyze tables, as autovacuum would some time after a load."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for table in tables:
            name = table.model._meta.db_table  # noqa: SLF001  # Django documents it
            cursor.execute(f"VACUUM ANALYZE {name}" if connection.vendor == "postgresql" else f"ANALYZE {name}")
