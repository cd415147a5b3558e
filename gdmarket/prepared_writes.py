"""Prepared writes: a hot path's INSERT or UPDATE is compiled once a database, and run with values.

    _INSERT = PreparedInsert(Payment, unless_taken=True)
    is_new = _INSERT.run(payment)                                            # or several rows, in one statement

    _CLAIM = PreparedUpdate(Payment.objects.filter(id=Param("payment_id", UUIDField()), asked_at=None), "asked_at")
    is_claimed = _CLAIM.run(payment_id=payment_id, asked_at=now) == 1

They write what the ORM's own `save` and `update` write, to the database that the router names, without signals.
"""

from collections.abc import Sequence
from typing import Any, Generic, TypeVar, cast

from django.db import connections, router
from django.db.models import Field, Model, QuerySet
from django.db.models.sql import UpdateQuery

from gdmarket import statements
from gdmarket.prepared import Param, is_constant

Row = TypeVar("Row", bound=Model)

_MOST_ROWS = 10


class PreparedInsert(Generic[Row]):
    """Inserts rows of one model.

    It is for few rows: the statement for each number of them is kept. With `unless_taken` a row that would break a unique constraint is
    left out, and nothing fails; on PostgreSQL also one that would break an exclusion constraint, so that it is not for rentals. With
    `newer_by`, a column, a row takes the place of one with the same key that is older by that column, and is left out where that is not
    older.
    """

    def __init__(self, model: type[Row], *, unless_taken: bool = False, newer_by: str = "") -> None:
        """Keep the model; the statement is written when it is first run."""
        self._model, self._unless_taken, self._newer_by = model, unless_taken, newer_by
        self._fields: list[Field[Any, Any]] = []
        self._statements: dict[tuple[str, int], str] = {}

    def run(self, *rows: Row) -> int:
        """Insert the rows in one statement; return how many were written. A key that the database gives is set on a row that is alone.

        :raises IntegrityError: if a constraint is broken, a unique one only without `unless_taken`
        :raises ValueError: with more than 10 rows
        """
        if len(rows) > _MOST_ROWS:
            raise ValueError(f"{len(rows)} rows: bulk_create is for more than {_MOST_ROWS}")
        using = router.db_for_write(self._model)
        connection = connections[using]
        sql = self._statements.get((using, len(rows))) or self._write(using, len(rows))
        values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in self._fields]
        key = self._model._meta.pk  # noqa: SLF001  # Django documents it
        is_given_a_key = key not in self._fields
        with statements.cursor(connection, keeps_plan=True) as cursor:
            cursor.execute(sql, values)
            inserted: int = cursor.rowcount
            if is_given_a_key and inserted == len(rows) == 1:
                # SQLite ends a statement that returns rows, and a transaction of its own with it, when they are fetched.
                setattr(rows[0], key.attname, cursor.lastrowid if connection.vendor == "sqlite" else cursor.fetchone()[0])
        for row in rows:
            row._state.adding, row._state.db = False, using  # noqa: SLF001  # as `save` leaves it
        return inserted

    def _write(self, using: str, count: int) -> str:
        meta, quote = self._model._meta, connections[using].ops.quote_name  # noqa: SLF001  # Django documents it
        is_given = [field for field in meta.local_concrete_fields if field is not meta.auto_field]
        table, columns = quote(meta.db_table), ", ".join(quote(str(field.column)) for field in is_given)
        rows = ", ".join([f"({', '.join(['%s'] * len(is_given))})"] * count)
        sql = f"INSERT INTO {table} ({columns}) VALUES {rows}"  # noqa: S608  # a model's own names
        if self._unless_taken:
            sql += " ON CONFLICT DO NOTHING"
        if self._newer_by:
            key, newer = quote(str(meta.pk.column)), quote(self._newer_by)
            taken = ", ".join(
                f"{quote(str(field.column))} = excluded.{quote(str(field.column))}" for field in is_given if field is not meta.pk
            )
            sql += f" ON CONFLICT ({key}) DO UPDATE SET {taken} WHERE {table}.{newer} < excluded.{newer}"
        if meta.auto_field is not None and connections[using].vendor == "postgresql":
            sql += f" RETURNING {quote(str(meta.auto_field.column))}"
        self._fields = is_given
        self._statements[using, count] = sql
        return sql


class _NewValue(Param):
    """A column's new value."""

    def prepare(self, value: Any, connection: Any) -> Any:
        """Return the value for the database; None is NULL."""
        return self.output_field.get_db_prep_save(value, connection)


class PreparedUpdate:
    """Updates the named columns of what a queryset finds; its parameters and the columns have names of their own."""

    def __init__(self, rows: "QuerySet[Any, Any]", *columns: str) -> None:
        """Keep the query; it is compiled when it is first run on a database."""
        self._rows, self._columns = rows, columns
        self._statements: dict[str, tuple[str, Sequence[Any]]] = {}

    def run(self, **values: Any) -> int:
        """Update the rows, and return how many were found.

        :raises KeyError: if a parameter or a column has no value
        """
        using = router.db_for_write(self._rows.model)
        connection = connections[using]
        sql, given = self._statements.get(using) or self._compile(using)
        with statements.cursor(connection, keeps_plan=True) as cursor:
            cursor.execute(sql, [each.prepare(values[each.name], connection) if isinstance(each, Param) else each for each in given])
            found: int = cursor.rowcount
        return found

    def _compile(self, using: str) -> tuple[str, Sequence[Any]]:
        query = cast("UpdateQuery", self._rows.query.chain(UpdateQuery))
        field_of = self._rows.model._meta.get_field  # noqa: SLF001  # Django documents it
        query.add_update_values({name: _NewValue(name, field_of(name)) for name in self._columns})
        compiler = query.get_compiler(using)
        statement = statements.with_constants(compiler.as_sql(), compiler.connection, is_constant=is_constant)
        self._statements[using] = statement
        return statement
