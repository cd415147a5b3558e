"""Prepared queries: written once in the ORM, compiled once a database, run with values. A hot read pays for its SQL, not for writing it.

    _RENTAL = Prepared(Rental.objects.filter(id=Param("rental_id", UUIDField())))
    rental = _RENTAL.first(rental_id=rental_id)                # a model; dictionaries of `.values()`, tuples of `.values_list()`

A query that differs by what is asked for has shapes: make one `Prepared` for each, in a function with a bounded cache.

    @lru_cache(maxsize=64)
    def _rentals(*, role: str, names: frozenset[str]) -> Prepared[Rental]: …

The statement goes through a cursor of the connection, as the ORM's own do, to the database that the router names. PostgreSQL
keeps it with a plan (`gdmarket.statements`), unless it is made with `keeps_plan=False`: for what other values need another plan.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Generic, TypeVar
from uuid import UUID

import msgspec
from django.db import connections
from django.db.models import (
    BigIntegerField,
    BooleanField,
    DateTimeField,
    F,
    Field,
    FloatField,
    Func,
    IntegerField,
    JSONField,
    PositiveIntegerField,
    PositiveSmallIntegerField,
    QuerySet,
    UUIDField,
    Value,
)
from django.db.models.expressions import Col
from django.db.models.query import FlatValuesListIterable, ModelIterable, ValuesIterable, ValuesListIterable
from django.db.transaction import TransactionManagementError

from gdmarket import statements

Row = TypeVar("Row")
_Converter = Callable[[Any, Any, Any], Any]
# What PostgreSQL is told of a parameter's type; of others it finds it out. Any integer, or too large a one would be an error.
_INTEGERS = (BigIntegerField, IntegerField, PositiveIntegerField, PositiveSmallIntegerField)
_CASTS: Mapping[type, str] = {
    UUIDField: "::uuid",
    DateTimeField: "::timestamptz",
    FloatField: "::double precision",
    **dict.fromkeys(_INTEGERS, "::bigint"),
}


class Param(Value):
    """A value that is known when the query is run; `field` says how the database is given it.

    It is never None: `= NULL` finds nothing, and `IS NULL` is another shape.
    """

    def __init__(self, name: str, field: "Field[Any, Any]") -> None:
        """Name the value."""
        super().__init__(name, output_field=field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> Any:
        """Return a placeholder, and this parameter in its place."""
        return "%s", [self]

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """Return the same with its type."""
        return f"%s{_CASTS.get(type(self.output_field), '')}", [self]

    def prepare(self, value: Any, connection: Any) -> Any:
        """Return the value for the database.

        :raises ValueError: if it is None
        """
        if value is None:
            raise ValueError(f"{self.name} is None: ask for NULL by another query.")
        return self.output_field.get_db_prep_value(value, connection)


def is_constant(param: Any) -> bool:
    """Return whether a compiled statement's parameter has its value already."""
    return not isinstance(param, Param)


class _List(Param):
    """A list of any length in one parameter: an array, or JSON for SQLite."""

    def as_postgresql(self, compiler: Any, connection: Any, **_: Any) -> Any:
        """Return a placeholder; the column tells the type."""
        return "%s", [self]

    def prepare(self, value: Any, connection: Any) -> Any:
        """Return the whole list for the database; it may be empty.

        :raises ValueError: if one of it is None
        """
        if any(each is None for each in value):
            raise ValueError(f"{self.name} holds None: ask for NULL by another query.")
        prepared = [self.output_field.get_db_prep_value(each, connection) for each in value]
        return msgspec.json.encode(prepared).decode() if connection.vendor == "sqlite" else prepared


class _Among(Func):
    """A column's value is in a list that is one parameter, so that one statement serves lists of any length."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *_: Any, **__: Any) -> Any:
        """Return the comparison."""
        (column, given), (mark, listed) = (compiler.compile(each) for each in self.get_source_expressions())
        those = f"IN (SELECT value FROM json_each({mark}))" if connection.vendor == "sqlite" else f"= ANY({mark})"  # noqa: S608  # a placeholder
        return f"{column} {those}", [*given, *listed]


def among(column: str, name: str, field: "Field[Any, Any]") -> Any:
    """Return the condition that a column, of numbers or ids, is one of a list of any length: `filter(among("id", "ids", UUIDField()))`."""
    return _Among(F(column), _List(name, field))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Statement:
    sql: str
    limited_sql: str
    params: Sequence[Any]
    names: Collection[str]
    quick: Sequence[tuple[int, Callable[[Any], Any]]]
    converters: Sequence[tuple[int, _Converter, Any]]
    make: Callable[[str, Sequence[Any]], Any]


class Prepared(Generic[Row]):
    """A query whose rows are those of the queryset it was made from. One that locks its rows is run inside a transaction."""

    def __init__(self, queryset: "QuerySet[Any, Row]", *, keeps_plan: bool = True) -> None:
        """Keep the query; it is compiled when it is first run on a database.

        `keeps_plan` as in `statements.cursor`.
        :raises TypeError: if it joins models, or asks for DISTINCT
        """
        if queryset.query.select_related or queryset.query.distinct:
            raise TypeError("A prepared query joins no models and has no DISTINCT.")
        self._queryset, self._keeps_plan = queryset.all(), keeps_plan
        self._is_locking = queryset.query.select_for_update
        self._is_limited = queryset.query.is_sliced
        self._statements: dict[str, _Statement] = {}

    def first(self, *, using: str | None = None, **values: Any) -> Row | None:
        """Return the first row, or None where there is none."""
        rows = self.all(using=using, limit=None if self._is_limited or self._is_locking else 1, **values)
        return rows[0] if rows else None

    def all_of(self, values: Mapping[str, Any], *, limit: int | None = None) -> list[Row]:
        """Return the rows, at most `limit`, of a query that uses some of the values."""
        statement = self._statements.get(self._queryset.db) or self._compile(self._queryset.db)
        return self.all(limit=limit, **{name: values[name] for name in statement.names})

    def all(self, *, using: str | None = None, limit: int | None = None, **values: Any) -> list[Row]:
        """Return the rows, at most `limit`.

        :raises TypeError: if other values are given than the query has, or a limit to a query that has one or locks
        :raises ValueError: if a value is None, or a list is empty or too long
        """
        alias = using or self._queryset.db
        connection = connections[alias]
        statement = self._statements.get(alias) or self._compile(alias)
        if values.keys() != statement.names:
            raise TypeError(f"This query is run with {', '.join(sorted(statement.names))}.")
        given = [param.prepare(values[param.name], connection) if isinstance(param, Param) else param for param in statement.params]
        sql = statement.sql
        if limit is not None:
            if self._is_limited or self._is_locking:
                raise TypeError("This query takes no limit.")
            sql = statement.limited_sql
            given.append(limit)
        if self._is_locking and connection.get_autocommit():
            raise TransactionManagementError("A query that locks is run inside a transaction.")
        with statements.cursor(connection, keeps_plan=self._keeps_plan) as cursor:
            cursor.execute(sql, given)
            found = cursor.fetchall()
        return list(self._made(alias, statement, found, connection))

    def _made(self, alias: str, statement: _Statement, found: Sequence[Sequence[Any]], connection: Any) -> Iterator[Row]:
        for columns in found:
            row = list(columns)
            for position, quick in statement.quick:
                if row[position] is not None:
                    row[position] = quick(row[position])
            for position, convert, expression in statement.converters:
                row[position] = convert(row[position], expression, connection)
            yield statement.make(alias, row)

    def _compile(self, alias: str) -> _Statement:
        compiler = self._queryset.query.clone().get_compiler(alias)
        sql, given = statements.with_constants(compiler.as_sql(), compiler.connection, is_constant=is_constant)
        converters = compiler.get_converters([column[0] for column in compiler.select])
        quick = {at: _quick(steps, expression, compiler.connection) for at, (steps, expression) in converters.items()}
        statement = _Statement(
            sql=sql,
            limited_sql=f"{sql} LIMIT %s",
            params=given,
            names={param.name for param in given if isinstance(param, Param)},
            quick=[(at, convert) for at, convert in quick.items() if convert],
            converters=[(at, convert, each) for at, (steps, each) in converters.items() if not quick[at] for convert in steps],
            make=_maker_of(self._queryset, compiler),
        )
        self._statements[alias] = statement
        return statement


def _quick(steps: Sequence[Any], expression: Any, connection: Any) -> Callable[[Any], Any] | None:
    """Return what converts a value, never None, as Django's only step would and in a fraction of its time; None where there is no such."""
    field = expression.output_field
    match [getattr(step, "__name__", "") for step in steps]:
        case ["convert_uuidfield_value"]:
            return partial(msgspec.convert, type=UUID)
        case ["convert_datetimefield_value"] if connection.vendor == "sqlite" and connection.timezone is UTC:
            return _instant
        case ["convert_booleanfield_value"] if connection.vendor == "sqlite":
            return bool
        case ["from_db_value"] if type(field) is JSONField and isinstance(expression, Col) and field.decoder is None:
            return msgspec.json.decode
    return None


def _instant(value: datetime | str) -> datetime:
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _maker_of(queryset: "QuerySet[Any, Any]", compiler: Any) -> Callable[[str, Sequence[Any]], Any]:
    """Return what makes a row of the columns, as the queryset would."""
    query, kind = compiler.query, queryset._iterable_class  # noqa: SLF001  # the ORM has no public way to ask
    names = list(query.selected or [*query.values_select, *query.annotation_select])
    if kind is ValuesIterable:
        return lambda _, row: dict(zip(names, row, strict=True))
    if kind is ValuesListIterable:
        return lambda _, row: tuple(row)
    if kind is FlatValuesListIterable:
        return lambda _, row: row[0]
    if kind is not ModelIterable:
        raise TypeError("A prepared query makes models, dictionaries, tuples or single values.")
    fields = [compiler.select[at][0].target.attname for at in compiler.klass_info["select_fields"]]
    annotations = list(compiler.annotation_col_map.items())

    def model(alias: str, row: Sequence[Any]) -> Any:
        made = queryset.model.from_db(alias, fields, row[: len(fields)])
        for name, at in annotations:
            setattr(made, name, row[at])
        return made

    return model
