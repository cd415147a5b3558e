"""Responses as JSON, straight from plain values to bytes."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from django.http import HttpResponse
from django.utils.functional import Promise
from rest_framework.response import Response

CONTENT_TYPE = "application/json"
# U+2028 and U+2029, which DRF escapes: they are not valid in JavaScript strings before ES2019.
_LINE_ENDS = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"))


def json_response(
    body: Any, *, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None, content_type: str = CONTENT_TYPE
) -> HttpResponse:
    """Return a response with a body of plain values: also ids, instants and members of enumerations."""
    return HttpResponse(encode(body), status=status, headers=headers, content_type=content_type)


def plain_response(response: Response) -> HttpResponse:
    """Return what DRF would render: without a body, it has no `Content-Type`."""
    plain = (
        HttpResponse(status=response.status_code) if response.data is None else json_response(response.data, status=response.status_code)
    )
    if response.data is None:
        del plain.headers["Content-Type"]
    for name, value in response.headers.items():
        if name != "Content-Type":
            plain.headers[name] = value
    return plain


def encode(body: Any) -> bytes:
    """Return plain values as compact JSON in UTF-8; instants in UTC end in `Z`."""
    raw = _encoder.encode(body)
    for plain, escaped in _LINE_ENDS:
        if plain in raw:
            raw = raw.replace(plain, escaped)
    return raw


def _plain(value: Any) -> Any:
    """Return what msgspec does not know: DRF's errors, which are texts of their own kind, and texts that are translated late."""
    if isinstance(value, str):
        return str.__str__(value)  # a SafeString's own `__str__` returns itself
    if isinstance(value, Promise):
        return str(value)
    raise TypeError(f"{type(value).__name__} is no value of JSON")


_encoder = msgspec.json.Encoder(enc_hook=_plain)
