"""Lists as prepared queries: one for each shape in which a list is asked for."""

from collections.abc import Callable, Hashable, Sequence
from functools import lru_cache
from typing import Any, Generic, TypeVar

from django.db.models import Field, QuerySet

from gdmarket import keyset
from gdmarket.prepared import Param, Prepared

Row = TypeVar("Row")


class PreparedRows(Generic[Row]):
    """A list that `gdmarket.rest.pagination.page` reads page by page.

    `shaped(*shape)` returns its query, in which `Param`s stand for the `values`: what else of a request decides on its SQL, such as which
    filters are given, is the shape. Of the shapes of all lists the 512 used last stay compiled.
    """

    def __init__(self, shaped: "Callable[..., QuerySet[Any, Row]]", *shape: Hashable, **values: Any) -> None:
        """Take what makes the query, what its SQL depends on, and its values."""
        self._shaped, self._shape, self._values = shaped, shape, values

    def fetch(self, *, order: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Row]:
        """Return the first `limit` rows in `order`, of those after the row with the keys `after` where these are given."""
        prepared: Prepared[Row] = _prepared(self._shaped, self._shape, tuple(order), after is not None)
        keys = {_key(at): key for at, key in enumerate(after or ())}
        return prepared.all(limit=limit, **self._values, **keys)


def equal(model: Any, names: Sequence[str]) -> dict[str, Param]:
    """Return the conditions that columns of a model have the values of the same names."""
    return {name: Param(name, model._meta.get_field(name)) for name in names}  # noqa: SLF001  # Django documents it


@lru_cache(maxsize=512)
def _prepared(shaped: "Callable[..., QuerySet[Any, Any]]", shape: Any, order: tuple[str, ...], is_after: bool) -> Prepared[Any]:  # noqa: FBT001  # a part of the key
    queryset = shaped(*shape)
    if is_after:
        keys = [Param(_key(at), _field_of(queryset, name.removeprefix("-"))) for at, name in enumerate(order)]
        queryset = queryset.filter(keyset.beyond(order=order, keys=keys))
    return Prepared(queryset.order_by(*order))


def _key(at: int) -> str:
    return f"after_{at}"


def _field_of(queryset: "QuerySet[Any, Any]", name: str) -> "Field[Any, Any]":
    annotation = queryset.query.annotations.get(name)
    field: Field[Any, Any] = annotation.output_field if annotation else queryset.model._meta.get_field(name)  # noqa: SLF001  # the same
    return field
