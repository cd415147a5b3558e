"""Pages by key, not by number: a page is where the last one ended, however much was written meanwhile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.core import signing
from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

DEFAULT_LIMIT = 20
HIGHEST_LIMIT = 100
PARAMETERS = frozenset({"cursor", "limit"})
_SALT = "gdmarket.rest.pagination"


@dataclass(frozen=True, kw_only=True, slots=True)
class KeysetPage:
    """Some rows in their order, and the cursors of the pages after and before them."""

    rows: list[Any]
    next: str | None
    previous: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where a page begins: after the row with these keys, or before it."""

    keys: tuple[Any, ...]
    before: bool


def page(
    request: Request,
    queryset: QuerySet[Any, Any],
    *,
    serialize: Callable[[Any], Any],
    order: Sequence[str],
) -> Response:
    """Return one page: `{results, next, previous}`, each result as `serialize(row)` makes it, and a `Link` header.

    `order` names fields or annotations that are never null and ends in a unique one. Rows may be models or dictionaries.
    :raises ValidationError: if `?limit=` is not 1 to 100, or `?cursor=` is not one of ours for this path and order
    """
    keyset = keyset_page(queryset, order=order, limit=_limit(request), cursor=request.query_params.get("cursor"), scope=request.path)
    links = {"next": _address(request, keyset.next), "previous": _address(request, keyset.previous)}
    response = Response({"results": [serialize(row) for row in keyset.rows], **links})
    if any(links.values()):
        response["Link"] = ", ".join(f'<{url}>; rel="{"prev" if rel == "previous" else rel}"' for rel, url in links.items() if url)
    return response


def keyset_page(queryset: QuerySet[Any, Any], *, order: Sequence[str], limit: int, cursor: str | None, scope: str) -> KeysetPage:
    """Return the rows after (or before) `cursor`, at most `limit` of them; a cursor is good for one `scope` and `order`.

    :raises ValidationError: if the cursor is not one of ours
    """
    place = _place(cursor, order=order, scope=scope)
    before = place is not None and place.before
    walked = tuple(_turned(name) for name in order) if before else tuple(order)
    if place is not None:
        queryset = queryset.filter(_after(walked, place.keys))
    found = list(queryset.order_by(*walked)[: limit + 1])
    rows, is_more = found[:limit], len(found) > limit
    if before:
        rows.reverse()
    has_next = bool(rows) and (before or is_more)
    has_previous = bool(rows) and (is_more if before else place is not None)
    return KeysetPage(
        rows=rows,
        next=_cursor(rows[-1], before=False, order=order, scope=scope) if has_next else None,
        previous=_cursor(rows[0], before=True, order=order, scope=scope) if has_previous else None,
    )


def _limit(request: Request) -> int:
    text = request.query_params.get("limit", str(DEFAULT_LIMIT))
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(HIGHEST_LIMIT)) and 1 <= int(text) <= HIGHEST_LIMIT):
        raise ValidationError({"limit": [ErrorDetail(_("A limit is a whole number from 1 to 100."), code="invalid")]})
    return int(text)


def _after(order: Sequence[str], keys: Sequence[Any]) -> Q:
    """Rows later in `order` than `keys`: a < x, or a = x and (b < y, or …)."""
    name, key = order[0], keys[0]
    field = name.removeprefix("-")
    beyond = Q(**{f"{field}__{'lt' if name.startswith('-') else 'gt'}": key})
    return beyond | Q(**{field: key}) & _after(order[1:], keys[1:]) if len(order) > 1 else beyond


def _turned(name: str) -> str:
    return name.removeprefix("-") if name.startswith("-") else f"-{name}"


def _cursor(row: Any, *, before: bool, order: Sequence[str], scope: str) -> str:
    keys = [_packed(_key(row, name.removeprefix("-"))) for name in order]
    return signing.dumps([int(before), *keys], salt=_salt(order, scope), compress=False)


def _place(cursor: str | None, *, order: Sequence[str], scope: str) -> _Place | None:
    if cursor is None:
        return None
    try:
        before, *keys = signing.loads(cursor, salt=_salt(order, scope))
    except (signing.BadSignature, ValueError) as error:
        raise ValidationError({"cursor": [ErrorDetail(_("This is not a cursor of this list."), code="invalid")]}) from error
    return _Place(keys=tuple(_unpacked(key) for key in keys), before=bool(before))


def _salt(order: Sequence[str], scope: str) -> str:
    return ":".join((_SALT, scope, *order))


def _key(row: Any, name: str) -> Any:
    return row[name] if isinstance(row, Mapping) else _attribute(row, name)


def _attribute(row: Model, name: str) -> Any:
    return getattr(row, name)


def _packed(key: Any) -> Any:
    match key:
        case datetime():
            return {"t": key.isoformat()}
        case UUID():
            return {"u": key.hex}
        case _:
            return key


def _unpacked(key: Any) -> Any:
    match key:
        case {"t": text}:
            return datetime.fromisoformat(text)
        case {"u": text}:
            return UUID(text)
        case _:
            return key


def _address(request: Request, cursor: str | None) -> str | None:
    if cursor is None:
        return None
    parameters = request.query_params.copy()
    parameters["cursor"] = cursor
    url = urlsplit(request.build_absolute_uri())
    return url._replace(query=parameters.urlencode()).geturl()
