"""Strict JSON: one object in UTF-8 that every parser reads alike and every database can store."""

import json
import math
import re
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any, Never

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from gdmarket.rest.errors import BodyTooLargeError

MAX_DEPTH = 32
_UTF8 = {"utf-8", "utf8", "us-ascii"}
# NUL and lone surrogates: PostgreSQL stores neither in text.
_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


class _NotJsonError(ValueError):
    """What Python would take and JSON does not know; the message is for people."""


class StrictJSONParser(BaseParser):
    """Reads a JSON object in UTF-8 and refuses what other parsers would read in different ways.

    :raises ParseError: for bad syntax, NaN and Infinity, duplicate keys, more than 32 levels, NUL and lone surrogates
    """

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        header = Message()
        header["Content-Type"] = media_type or ""
        if header.get_content_charset("utf-8") not in _UTF8:
            raise UnsupportedMediaType(media_type or "")
        return parse_json(_read(stream, parser_context or {}))


class RawParser(BaseParser):
    """Returns the body as bytes, whatever its type: a signature is computed over them."""

    media_type = "*/*"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        return _read(stream, parser_context or {})


def _read(stream: IO[Any], parser_context: Mapping[str, Any]) -> bytes:
    raw: bytes = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise BodyTooLargeError
    request = parser_context.get("request")
    length: str = request.META.get("CONTENT_LENGTH", "") if request else ""
    if length.isdecimal() and len(raw) < int(length):
        raise _malformed(_("The body ends before its Content-Length."))
    return raw


def parse_json(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`.

    :raises ParseError: with the code `malformed_json`
    """
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_reject_duplicate_keys, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(_("The body is not JSON: %s") % _reason(error)) from error
    if not isinstance(value, dict):
        raise _malformed(_("The body must be a JSON object."))
    _check_values(value)
    return value


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _NotJsonError(_("a name stands twice in one object"))
    return value


def _reject_constant(name: str) -> Never:
    raise _NotJsonError(_("%s is not a JSON number") % name)


def _check_values(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _depth in range(MAX_DEPTH + 1):
        if not level:
            return
        level = [inner for outer in level for inner in _children(outer)]
    raise _malformed(_("The body is nested too deeply."))


def _children(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str) and _NOT_STORABLE.search(value):
        raise _malformed(_("The body holds characters that are not allowed."))
    if isinstance(value, float) and not math.isfinite(value):
        raise _malformed(_("A number is too large."))
    return []


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return _("there is a mistake in line %(line)d at character %(column)d") % {"line": error.lineno, "column": error.colno}
    if isinstance(error, UnicodeDecodeError):
        return _("it is not UTF-8")
    if isinstance(error, RecursionError):
        return _("it is nested too deeply")
    # Python refuses to read a whole number of more than 4,300 digits.
    return str(error) if isinstance(error, _NotJsonError) else _("a number is too long")


def _malformed(detail: str) -> ParseError:
    return ParseError(detail, code="malformed_json")
