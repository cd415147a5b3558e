"""Where a page of a list begins: after a row, in an order of columns, as a condition that an index on these columns answers."""

from collections.abc import Sequence
from typing import Any

from django.db.models import BooleanField, F, Func, Q, Value


class _RowComparison(Func):
    """`(a, b) > (x, y)`: rows beyond one, all columns in one direction. Unlike `a > x OR (a = x AND b > y)` an index answers it whole."""

    conditional = True
    output_field = BooleanField()

    def __init__(self, *expressions: Any, operator: str) -> None:
        """Take the columns and, after them, as many keys."""
        super().__init__(*expressions)
        self.operator = operator

    def resolve_expression(self, *args: Any, **options: Any) -> Any:
        resolved = super().resolve_expression(*args, **options)
        sources = resolved.get_source_expressions()
        columns, keys = sources[: len(sources) // 2], sources[len(sources) // 2 :]
        typed = [Value(key.value, column.output_field) if type(key) is Value else key for column, key in zip(columns, keys, strict=True)]
        resolved.set_source_expressions([*columns, *typed])
        return resolved

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> Any:  # type: ignore[override]  # it has no template
        parts = [compiler.compile(source) for source in self.get_source_expressions()]
        half = len(parts) // 2
        columns, keys = (", ".join(sql for sql, _ in side) for side in (parts[:half], parts[half:]))
        return f"({columns}) {self.operator} ({keys})", [param for _, params in parts for param in params]


def beyond(*, order: Sequence[str], keys: Sequence[Any]) -> Q:
    """Return the condition on the rows that come after the one with these `keys`, which may be parameters of a prepared query.

    `order` names columns or annotations that are never null, `-` before what descends, and ends in a unique one. An index serves it whole
    where all have one direction, else by its first column.
    """
    names = [name.removeprefix("-") for name in order]
    descends = [name.startswith("-") for name in order]
    if len(order) > 1 and len(set(descends)) == 1:
        columns = [F(name) for name in names]
        values = [key if hasattr(key, "resolve_expression") else Value(key) for key in keys]
        return Q(_RowComparison(*columns, *values, operator="<" if descends[0] else ">"))
    later = _later(order, keys)
    return later if len(order) == 1 else Q(**{f"{names[0]}__{'lte' if descends[0] else 'gte'}": keys[0]}) & later


def up_to(*, order: Sequence[str], keys: Sequence[Any]) -> Q:
    """Return the condition on the rows up to the one with these `keys`, expressions or parameters, itself among them; of one direction."""
    columns = [F(name.removeprefix("-")) for name in order]
    return Q(_RowComparison(*columns, *keys, operator=">=" if order[0].startswith("-") else "<="))


def _later(order: Sequence[str], keys: Sequence[Any]) -> Q:
    """Rows later in `order` than `keys`: a < x, or a = x and (b < y, or …)."""
    name, key = order[0], keys[0]
    field = name.removeprefix("-")
    first = Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": key})
    return first | Q(**{field: key}) & _later(order[1:], keys[1:]) if len(order) > 1 else first
