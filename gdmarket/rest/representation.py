"""Rows as JSON. A serializer class says once what a resource looks like, to OpenAPI and here: no serializer is run for a row."""

from collections.abc import Callable, Collection, Mapping
from operator import itemgetter
from typing import Any

from rest_framework import serializers

Represent = Callable[..., dict[str, Any]]


def representation_of(serializer: type[serializers.Serializer[Any]], *, computed: Collection[str] = ()) -> Represent:
    """Return a function from a row, a mapping of its columns such as `vars()` of a model, to the JSON of a serializer.

    Each field is the column that its `source` names, as it is; `computed` fields are given to the function by their names.
    """
    fields = serializer().fields.fields
    sources = {name: str(fields[name].source) for name in fields if not fields[name].write_only}
    names, some = tuple(sources), next(source for name, source in sources.items() if name not in computed)
    columns = itemgetter(*(some if name in computed else source for name, source in sources.items()))

    def represent(row: Mapping[str, Any], **given: Any) -> dict[str, Any]:
        shown = dict(zip(names, columns(row), strict=True))
        shown.update(given)  # each in its place, as its name is there already
        return shown

    return represent
