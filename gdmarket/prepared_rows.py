"""Lists as prepared queries: one for each shape in which a list is asked for."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db.models import BooleanField, F, Field, Func, IntegerField, Q, QuerySet

from gdmarket import keyset
from gdmarket.prepared import Param, Prepared

Row = TypeVar("Row")
_MOST = Param("most", IntegerField())


@dataclass(frozen=True, kw_only=True, slots=True)
class Either(Generic[Row]):
    """The rows for which one of the conditions holds. No index serves `a OR b` in an order: each is walked by itself, then merged."""

    rows: "QuerySet[Any, Row]"
    conditions: tuple[Q, ...]


class PreparedRows(Generic[Row]):
    """A list that `gdmarket.rest.pagination.page` reads page by page.

    `shaped(*shape)` returns its query, or `Either`, in which `Param`s stand for the `values`: what else of a request decides on its SQL,
    such as which filters are given, is the shape. Of the shapes of all lists the 512 used last stay compiled.
    """

    def __init__(self, shaped: "Callable[..., QuerySet[Any, Row] | Either[Row]]", *shape: Hashable, **values: Any) -> None:
        """Take what makes the query, what its SQL depends on, and its values."""
        self._shaped, self._shape, self._values = shaped, shape, values

    def fetch(self, *, order: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Return the first `limit` rows in `order`, of those after the row with the keys `after` where these are given."""
        prepared: Prepared[Row] = _prepared(self._shaped, self._shape, tuple(order), after is not None)
        keys = {_key(at): key for at, key in enumerate(after or ())}
        return prepared.all_of({**self._values, **keys, _MOST.name: limit}, limit=limit)


def equal(model: Any, names: Sequence[str]) -> dict[str, Param]:
    """Return the conditions that columns of a model have the values of the same names."""
    return {name: Param(name, model._meta.get_field(name)) for name in names}  # noqa: SLF001  # Django documents it


@lru_cache(maxsize=512)
def _prepared(
    shaped: "Callable[..., QuerySet[Any, Any] | Either[Any]]",
    shape: Any,
    order: tuple[str, ...],
    is_after: bool,  # noqa: FBT001  # a part of the key
) -> Prepared[Any]:
    found = shaped(*shape)
    if not isinstance(found, Either):
        return Prepared(_from(found, order, is_after=is_after).order_by(*order), keeps_plan=False)
    firsts = [_from(found.rows.filter(one), order, is_after=is_after).order_by(*order).values("pk") for one in found.conditions]
    return Prepared(found.rows.filter(_AmongFirst(F("pk"), firsts=firsts)).order_by(*order), keeps_plan=False)


class _AmongFirst(Func):
    """Whether a key is among the first rows of one of several queries: each may give the whole page."""

    conditional = True
    output_field = BooleanField()

    def __init__(self, *expressions: Any, firsts: "Sequence[QuerySet[Any, Any]]") -> None:
        super().__init__(*expressions)
        self.firsts = firsts

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_: Any) -> Any:
        sql, params = compiler.compile(self.get_source_expressions()[0])
        parts, given = [], [*params]
        for at, first in enumerate(self.firsts):
            part, more = first.query.get_compiler(connection=connection).as_sql()
            parts.append(f"SELECT * FROM ({part} LIMIT %s) AS first_{at}")  # noqa: S608  # the ORM's own SQL
            given += [*more, _MOST]
        return f"{sql} IN ({' UNION ALL '.join(parts)})", given


def _from(queryset: "QuerySet[Any, Any]", order: tuple[str, ...], *, is_after: bool) -> "QuerySet[Any, Any]":
    if not is_after:
        return queryset
    keys = [Param(_key(at), _field_of(queryset, name.removeprefix("-"))) for at, name in enumerate(order)]
    return queryset.filter(keyset.beyond(order=order, keys=keys))


def _key(at: int) -> str:
    return f"after_{at}"


def _field_of(queryset: "QuerySet[Any, Any]", name: str) -> "Field[Any, Any]":
    annotation = queryset.query.annotations.get(name)
    field: Field[Any, Any] = annotation.output_field if annotation else queryset.model._meta.get_field(name)  # noqa: SLF001  # the same
    return field
