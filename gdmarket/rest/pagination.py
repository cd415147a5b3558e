"""Lists: strict parameters, and keyset pagination, in which a page begins where the last one ended, however much is written meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing
from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from gdmarket import keyset
from gdmarket.rest.answers import json_answer
from gdmarket.rest.serializers import StrictParameters

DEFAULT_LIMIT = 20
HIGHEST_LIMIT = 100
PARAMETERS = frozenset({"cursor", "limit"})
_SALT = "gdmarket.rest.pagination"


@extend_schema_field({"type": "integer", "minimum": 1, "maximum": HIGHEST_LIMIT, "default": DEFAULT_LIMIT})
class _Limit(serializers.Field[Any, Any, Any, Any]):
    """Read and checked by `page`."""

    def to_internal_value(self, data: Any) -> Any:
        return data


class ListParameters(StrictParameters):
    """The query string of a list; a subclass adds filters. The two below are read and checked by `page`."""

    cursor = serializers.CharField(required=False, help_text="Where the page begins: take `next` or `previous` of an answer as a whole.")
    limit = _Limit(required=False, help_text="How many rows a page has at most.")

    @classmethod
    def parse(cls, request: Request) -> dict[str, Any]:
        """Return the filters of the request.

        :raises ValidationError: naming every parameter that is unknown or not acceptable
        """
        parameters = cls(data=request.query_params.dict())
        parameters.is_valid(raise_exception=True)
        return {name: value for name, value in parameters.validated_data.items() if name not in PARAMETERS}


def page_of(result: type[serializers.BaseSerializer[Any]]) -> serializers.Serializer[Any]:
    """Return the schema of a page of results."""
    return inline_serializer(
        name=result.__name__.removesuffix("Serializer").removesuffix("Schema") + "Page",
        fields={
            "results": result(many=True),
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
        },
    )


class PagedRows(Protocol):
    """A list that finds its pages itself, where one query cannot do it well."""

    def fetch(self, *, order: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Any]:
        """Return the first `limit` rows in `order`, of those after the row with the keys `after` where these are given."""


def page(request: Request, rows: QuerySet[Any, Any] | PagedRows, *, serialize: Callable[[Any], Any], order: Sequence[str]) -> HttpResponse:
    """Return one page: `{results, next, previous}`, each result as `serialize(row)` makes it, and a `Link` header.

    `order` names fields or annotations that are never null and ends in a unique one. Rows may be models or dictionaries. A cursor is valid
    for one path and order.
    :raises ValidationError: if `?limit=` is not 1 to 100, or `?cursor=` is not valid here
    """
    limit, salt = _limit(request), ":".join((_SALT, request.path, *order))
    cursor = request.query_params.get("cursor")
    backwards, keys = (False, None) if cursor is None else _load_cursor(cursor, salt=salt)
    walked = [_reverse(name) for name in order] if backwards else list(order)
    found = _fetch(rows, order=walked, after=keys, limit=limit + 1)
    shown, is_more = found[:limit], len(found) > limit
    if backwards:
        shown.reverse()

    def link(row: Any, *, backwards: bool) -> str:
        return _url(request, cursor=_dump_cursor(row, backwards=backwards, order=order, salt=salt))

    following = link(shown[-1], backwards=False) if shown and (backwards or is_more) else None
    previous = link(shown[0], backwards=True) if shown and (is_more if backwards else cursor is not None) else None
    response = json_answer({"results": [serialize(row) for row in shown], "next": following, "previous": previous})
    links = [f'<{url}>; rel="{rel}"' for rel, url in (("next", following), ("prev", previous)) if url]
    if links:
        response["Link"] = ", ".join(links)
    return response


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_LIMIT)) and 1 <= int(text) <= HIGHEST_LIMIT):
        raise ValidationError({"limit": [ErrorDetail(_("A limit is a whole number from 1 to 100."), code="invalid")]})
    return int(text)


def _fetch(rows: QuerySet[Any, Any] | PagedRows, *, order: Sequence[str], after: Sequence[Any] | None, limit: int) -> list[Any]:
    if not isinstance(rows, QuerySet):
        return rows.fetch(order=order, after=after, limit=limit)
    if after is not None:
        rows = rows.filter(keyset.beyond(order=order, keys=after))
    return list(rows.order_by(*order)[:limit])


def _reverse(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _dump_cursor(row: Any, *, backwards: bool, order: Sequence[str], salt: str) -> str:
    names = [name.removeprefix("-") for name in order]
    keys = [_to_json(row[name] if isinstance(row, Mapping) else getattr(row, name)) for name in names]
    return signing.dumps([int(backwards), *keys], salt=salt, compress=False)


def _load_cursor(cursor: str, *, salt: str) -> tuple[bool, tuple[Any, ...]]:
    try:
        backwards, *keys = signing.loads(cursor, salt=salt)
    except (signing.BadSignature, ValueError) as error:
        raise ValidationError({"cursor": [ErrorDetail(_("This is not a cursor of this list."), code="invalid")]}) from error
    return bool(backwards), tuple(_from_json(key) for key in keys)


def _to_json(key: Any) -> Any:
    match key:
        case datetime():
            return {"t": key.isoformat()}
        case UUID():
            return {"u": key.hex}
        case _:
            return key


def _from_json(key: Any) -> Any:
    match key:
        case {"t": text}:
            return datetime.fromisoformat(text)
        case {"u": text}:
            return UUID(text)
        case _:
            return key


def _url(request: Request, *, cursor: str) -> str:
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    return urlsplit(request.build_absolute_uri())._replace(query=parameters.urlencode()).geturl()
