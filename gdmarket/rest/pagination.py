"""Lists: strict parameters, and keyset pagination, in which a page begins where the last one ended, however much is written meanwhile."""

import re
import secrets
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from django.db.models import QuerySet
from django.http import HttpResponse
from django.utils.encoding import escape_uri_path
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field, inline_serializer
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request

from gdmarket import keyset
from gdmarket.rest.cursors import dump_cursor, load_cursor
from gdmarket.rest.responses import json_response
from gdmarket.rest.serializers import StrictParameters

DEFAULT_LIMIT = 20
HIGHEST_LIMIT = 100
PARAMETERS = frozenset({"cursor", "limit"})
_SALT = "gdmarket.rest.pagination"
# What the serializer would accept and leave to `page`, without asking it.
_NO_FILTERS = re.compile(r"((limit=\d{1,3}|cursor=([\w:-]|%3A)+)(&|\Z))*", re.ASCII)
# A query that is written again as it is.
_AS_WRITTEN = re.compile(r"(\w+=[\w.~-]+(&\w+=[\w.~-]+)*)?", re.ASCII)
# Stands for the cursor while an address is made. Random, so that nobody's parameter can hold it.
_HERE = secrets.token_hex(16)


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
        if _NO_FILTERS.fullmatch(request.META.get("QUERY_STRING", "")):
            return {}
        return {name: value for name, value in cls.validated(request.query_params.dict()).items() if name not in PARAMETERS}


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
    backwards, keys = (False, None) if cursor is None else load_cursor(cursor, salt=salt)
    walked = [_reverse(name) for name in order] if backwards else list(order)
    found = _fetch(rows, order=walked, after=keys, limit=limit + 1)
    shown, is_more = found[:limit], len(found) > limit
    if backwards:
        shown.reverse()

    has_next, has_previous = backwards or is_more, is_more if backwards else cursor is not None
    following, previous = None, None
    if shown and (has_next or has_previous):
        url_at = _url_at(request)
        following = url_at(dump_cursor(shown[-1], backwards=False, order=order, salt=salt)) if has_next else None
        previous = url_at(dump_cursor(shown[0], backwards=True, order=order, salt=salt)) if has_previous else None
    response = json_response({"results": [serialize(row) for row in shown], "next": following, "previous": previous})
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


def _url_at(request: Request) -> Callable[[str], str]:
    """Return a function from a cursor to this list's address there: the request's, with another cursor."""
    here, query = f"{request.scheme}://{request.get_host()}{escape_uri_path(request.path)}", request.META.get("QUERY_STRING", "")
    if "cursor=" not in query and _AS_WRITTEN.fullmatch(query):
        before, after = f"{here}?{query}{'&' if query else ''}cursor=", ""
    else:
        parameters = request.query_params.copy()
        parameters["cursor"] = _HERE
        before, after = f"{here}?{parameters.urlencode()}".split(_HERE)
    return lambda cursor: f"{before}{quote(cursor)}{after}"
