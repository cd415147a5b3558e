"""Many rows at once, with no model instance between."""

import json
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, cast

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Field, JSONField, Model


def insert(*, model: type[Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows of Python values, as Django would write them: by COPY on PostgreSQL, by one prepared INSERT on SQLite."""
    names = ", ".join(columns)
    table = model._meta.db_table  # noqa: SLF001  # Django documents it
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET LOCAL statement_timeout = 0")  # a load takes longer than a request may
            documents = [place for place, adapt in enumerate(_adapters(model, columns)) if adapt is json.dumps]
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(_with_json(row, documents) if documents else row)
        else:
            adapters = _adapters(model, columns)
            marks = ", ".join(["%s"] * len(columns))
            adapted = [[adapt(value) for adapt, value in zip(adapters, row, strict=True)] for row in rows]
            cursor.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", adapted)


def empty(*models: type[Model]) -> None:
    """Take all rows out of these tables."""
    tables = [model._meta.db_table for model in models]  # noqa: SLF001  # the same
    with connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(no_style(), tables):
            cursor.execute(statement)


def settle(*models: type[Model]) -> None:
    """Leave tables as they are found some time after a load: swept, and with statistics the planner can go by."""
    with connection.cursor() as cursor:
        for model in models:
            cursor.execute(("VACUUM ANALYZE " if connection.vendor == "postgresql" else "ANALYZE ") + model._meta.db_table)  # noqa: SLF001


def _adapters(model: type[Model], columns: Sequence[str]) -> list[Callable[[Any], Any]]:
    fields = {field.column: field for field in cast("Sequence[Field[Any, Any]]", model._meta.concrete_fields)}  # noqa: SLF001  # the same
    if connection.vendor == "postgresql":
        return [json.dumps if isinstance(fields[column], JSONField) else _as_it_is for column in columns]
    return [partial(fields[column].get_db_prep_save, connection=connection) for column in columns]


def _as_it_is(value: Any) -> Any:
    return value


def _with_json(row: Sequence[Any], documents: Sequence[int]) -> list[Any]:
    written = list(row)
    for place in documents:
        written[place] = json.dumps(written[place])
    return written
