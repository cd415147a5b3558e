"""Versions of a resource over HTTP: ETag, If-None-Match, If-Match."""

import re
from hashlib import blake2b
from typing import Any

from django.utils.http import parse_etags
from rest_framework import status as http
from rest_framework.request import Request
from rest_framework.response import Response

from gdmarket.errors import StaleError
from gdmarket.rest.errors import InvalidIfMatchError, WeakEtagError

_OURS = re.compile(r'"(\d{1,18})(?:\.[^"]*)?"\Z')


def etag_of(version: int, *, variant: str = "") -> str:
    """Return the entity tag of a version; `variant` names what may differ within a version."""
    return f'"{version}.{variant}"' if variant else f'"{version}"'


def digest_of(shown: Any) -> str:
    """Return the variant of what is shown, where that may differ within a version in more than a few ways."""
    return blake2b(repr(shown).encode(), digest_size=8).hexdigest()


def answer(request: Request, data: Any, *, version: int, variant: str = "", status: int = http.HTTP_200_OK) -> Response:
    """Return `data` with its ETag, or 304 without a body if the caller has it already."""
    etag = etag_of(version, variant=variant)
    held = [tag.removeprefix("W/") for tag in parse_etags(request.headers.get("If-None-Match", ""))]
    if request.method in {"GET", "HEAD"} and (etag in held or held == ["*"]):
        return Response(status=http.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
    return Response(data, status=status, headers={"ETag": etag})


def expected_version(request: Request) -> int | None:
    """Return the version the caller's `If-Match` wants to change, or None for any; the variant is ignored.

    :raises StaleError: if it is not one that `etag_of` made
    :raises WeakEtagError: if it is weak
    :raises InvalidIfMatchError: if it is neither `*` nor one entity tag
    """
    wanted = request.headers.get("If-Match", "*").strip()
    if wanted == "*":
        return None
    if len(tags := parse_etags(wanted)) != 1:
        raise InvalidIfMatchError
    if tags[0].startswith("W/"):
        raise WeakEtagError
    ours = _OURS.match(tags[0])
    if ours is None:
        raise StaleError
    return int(ours[1])
