"""Which view answers an address of the API: one look-up, where Django tries one pattern after the other."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver, resolve

from gdmarket.ids import WRITTEN

_ID = re.compile(f"(?<=/){WRITTEN}(?=/|\\Z)")
_PARAMETER = re.compile(r"<id:(\w+)>")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Route:
    pattern: URLPattern
    route: str
    names: tuple[str, ...]


def view_of(path: str) -> ResolverMatch:
    """Return what Django's `resolve` returns.

    :raises Resolver404: if no pattern matches
    """
    found = _routes(get_resolver()).get(_ID.sub("<>", path))
    if found is None:
        return resolve(path)
    kwargs: dict[str, Any] = dict(zip(found.names, map(UUID, _ID.findall(path)), strict=True)) if found.names else {}
    return ResolverMatch(found.pattern.callback, (), kwargs, found.pattern.name, route=found.route, captured_kwargs=kwargs)


@lru_cache(maxsize=4)  # tests have routes of their own
def _routes(resolver: URLResolver) -> dict[str, _Route]:
    """Return the routes that hold nothing but fixed texts and ids, each by its path with `<>` for every id."""
    found: dict[str, _Route] = {}
    for pattern, route in _flattened(resolver, ""):
        shape = f"/{_PARAMETER.sub('<>', route)}"
        if not pattern.default_args and "<" not in shape.replace("<>", ""):
            found.setdefault(shape, _Route(pattern=pattern, route=route, names=tuple(_PARAMETER.findall(route))))
    return found


def _flattened(resolver: URLResolver, before: str) -> Iterator[tuple[URLPattern, str]]:
    """Yield the API's patterns in their order, each with its whole route."""
    for pattern in resolver.url_patterns:
        route = f"{before}{pattern.pattern}"
        if not before and not route.startswith("api/"):
            continue
        if isinstance(pattern, URLPattern):
            yield pattern, route
        else:
            yield from _flattened(pattern, route)
