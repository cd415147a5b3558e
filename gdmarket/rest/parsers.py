"""JSON as this API reads it: one object, nothing ambiguous, nothing a database or a neighbour would choke on."""

import json
import math
from collections.abc import Mapping
from email.message import Message
from typing import IO, Any, Never

from django.conf import settings
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser

from gdmarket.rest.errors import BodyTooLargeError

DEEPEST = 32
_UTF8 = {"utf-8", "utf8", "us-ascii"}


class StrictJSONParser(BaseParser):
    """Reads a JSON object in UTF-8 and refuses what other readers would take in different ways.

    :raises ParseError: for bad syntax, NaN and Infinity, twice the same name, more than 32 levels, NUL and lone surrogates
    """

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> dict[str, Any]:
        _refuse_other_charsets(media_type or "")
        return parsed(_whole(stream, parser_context or {}))


class RawParser(BaseParser):
    """Reads whatever comes, of any type, as the bytes it is: a signature is about those."""

    media_type = "*/*"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        """Return the body: bytes."""
        return _whole(stream, parser_context or {})


def _whole(stream: IO[Any], parser_context: Mapping[str, Any]) -> bytes:
    raw: bytes = stream.read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
    if len(raw) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise BodyTooLargeError
    if len(raw) < _promised_length(parser_context):
        raise _malformed(_("The body ends before its Content-Length."))
    return raw


def _promised_length(parser_context: Mapping[str, Any]) -> int:
    request = parser_context.get("request")
    length: str = request.META.get("CONTENT_LENGTH", "") if request else ""
    return int(length) if length.isdecimal() else 0


def parsed(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`.

    :raises ParseError: with the code `malformed_json`
    """
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_reject_duplicate_keys, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(_("The body is not JSON: %s") % _reason(error)) from error
    if not isinstance(value, dict):
        raise _malformed(_("The body must be a JSON object."))
    _look_through(value)
    return value


def _refuse_other_charsets(media_type: str) -> None:
    header = Message()
    header["Content-Type"] = media_type
    charset = header.get_content_charset("utf-8")
    if charset not in _UTF8:
        raise UnsupportedMediaType(media_type)


def _reject_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) != len(pairs):
        raise ValueError(_("a name stands twice in one object"))
    return named


def _no_constant(name: str) -> Never:
    raise ValueError(_("%s is not a JSON number") % name)


def _look_through(value: dict[str, Any]) -> None:
    level: list[Any] = [value]
    for _depth in range(DEEPEST + 1):
        if not level:
            return
        level = [inner for outer in level for inner in _inside(outer)]
    raise _malformed(_("The body is nested too deeply."))


def _inside(value: object) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, list):
        return value
    if isinstance(value, str) and ("\0" in value or not _is_encodable(value)):
        raise _malformed(_("The body holds characters that are not allowed."))
    if isinstance(value, float) and not math.isfinite(value):
        raise _malformed(_("A number is too large."))
    return []


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _reason(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} ({error.lineno}:{error.colno})"
    if isinstance(error, UnicodeDecodeError):
        return _("it is not UTF-8")
    if isinstance(error, RecursionError):
        return _("it is nested too deeply")
    return str(error)


def _malformed(detail: str) -> ParseError:
    return ParseError(detail, code="malformed_json")
