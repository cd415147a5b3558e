"""Versions of a resource over HTTP: ETag, If-None-Match, If-Match."""

import re
from hashlib import blake2b
from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags
from rest_framework import status as http
from rest_framework.request import Request

from gdmarket.errors import StaleError
from gdmarket.rest.errors import InvalidIfMatchError, WeakEtagError
from gdmarket.rest.responses import encode

_OURS = re.compile(r'"(\d{1,18})(?:\.[^"]*)?"\Z')


def etag_of(version: int, *, variant: str = "") -> str:
    """Return the entity tag of a version; `variant` names what may differ within a version."""
    return f'"{version}.{variant}"' if variant else f'"{version}"'


def versioned_response(
    request: Request, body: Any, *, version: int, variant: str | None = "", status: int = http.HTTP_200_OK
) -> HttpResponse:
    """Return plain values as JSON with their ETag, or 304 without a body if the caller has it already.

    A `variant` of None is what is shown itself, where that may differ within a version in more than a few ways.
    """
    raw = encode(body)
    etag = etag_of(version, variant=blake2b(raw, digest_size=8).hexdigest() if variant is None else variant)
    wanted = request.META.get("HTTP_IF_NONE_MATCH") if request.method in {"GET", "HEAD"} else None
    if wanted is not None:
        held = [tag.removeprefix("W/") for tag in parse_etags(wanted)]
        if etag in held or held == ["*"]:
            unchanged = HttpResponse(status=http.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
            del unchanged["Content-Type"]
            return unchanged
    return HttpResponse(raw, status=status, headers={"ETag": etag}, content_type="application/json")


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
