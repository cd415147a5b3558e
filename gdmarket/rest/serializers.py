"""Strict input: no unknown or read-only fields, no control characters in text, no numbers that are only nearly some."""

import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from gdmarket.ids import is_id
from gdmarket.rest.numbers import integer_from_json, integer_from_query
from gdmarket.rest.problems import MAX_ERRORS
from gdmarket.text import is_plain, shows_something

_UNKNOWN = _("There is no such field.")
_READ_ONLY = _("This field cannot be written.")
_CONTROL = _("Control characters are not allowed.")
_NO_TEXT = _("This must be a text.")
_TEXTS = (serializers.CharField, serializers.UUIDField)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses unknown and read-only fields by name, and takes text in NFC without control characters.

    Text fields take strings only, no numbers; whole numbers and truth values are those of JSON. A `CharField` with
    `style={"base_template": "textarea.html"}` may hold line breaks and tabs. A text that shows nothing is a blank, such as one of invisible
    characters.
    """

    unknown_code = "unknown_field"
    read_whole_number = staticmethod(integer_from_json)

    @classmethod
    def validated(cls, data: Any, *, partial: bool = False) -> dict[str, Any]:
        """Return what `data` says. It costs no serializer: one for each language, whose messages it keeps, reads everything.

        :raises ValidationError: naming every field that is not acceptable
        """
        return dict(_reader(cls, get_language(), partial).run_validation(data))

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refused = [name for name in data if name not in self.fields or self.fields[name].read_only][:MAX_ERRORS]
            if refused:
                raise serializers.ValidationError({name: self._refusal(name) for name in refused})
            data = self._cleaned(data)
        return super().to_internal_value(data)

    def _refusal(self, name: str) -> list[ErrorDetail]:
        if name in self.fields:
            return [ErrorDetail(str(_READ_ONLY), code="read_only")]
        return [ErrorDetail(str(_UNKNOWN), code=self.unknown_code)]

    def _cleaned(self, data: Mapping[str, Any]) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        refused: dict[str, list[ErrorDetail]] = {}
        for name, value in data.items():
            field = self.fields[name]
            cleaned[name] = _tidied(field, value) if isinstance(value, str) else value
            if isinstance(field, _TEXTS) and not isinstance(value, str | None):
                refused[name] = [ErrorDetail(str(_NO_TEXT), code="invalid")]
            elif isinstance(value, str) and not is_plain(text=value, may_break=_is_textarea(field)):
                refused[name] = [ErrorDetail(str(_CONTROL), code="control_characters")]
            elif isinstance(field, serializers.UUIDField) and isinstance(value, str) and not is_id(value):
                refused[name] = [ErrorDetail(str(field.error_messages["invalid"]), code="invalid")]
            elif isinstance(field, serializers.BooleanField) and not isinstance(value, bool | None):
                refused[name] = [ErrorDetail(str(field.error_messages["invalid"]).format(input=value), code="invalid")]
            elif isinstance(field, serializers.IntegerField) and value is not None:
                try:
                    cleaned[name] = self.read_whole_number(value)
                except ValueError:
                    refused[name] = [ErrorDetail(str(field.error_messages["invalid"]), code="invalid")]
        if refused:
            raise serializers.ValidationError(refused)
        return cleaned


class EmptyBodySerializer(StrictSerializer):
    """A command without parameters."""


class StrictParameters(StrictSerializer):
    """The same for a query string, in which everything is text."""

    unknown_code = "unknown_parameter"
    read_whole_number = staticmethod(integer_from_query)


@cache
def _reader(serializer: type[StrictSerializer], _language: str | None, partial: bool) -> StrictSerializer:  # noqa: FBT001  # a key
    reader = serializer(partial=partial)
    for field in reader.fields.fields.values():
        for validator in field.validators:
            # DRF's messages that name a limit are put together once, in the language of that moment.
            str(getattr(validator, "message", ""))
    return reader


def _tidied(field: serializers.Field[Any, Any, Any, Any], value: str) -> str:
    """Return a text in NFC, or "" where it shows nothing, which fields that may not be blank refuse. Passwords stay as they are."""
    is_trimmed = isinstance(field, serializers.CharField) and field.trim_whitespace
    return unicodedata.normalize("NFC", value) if not is_trimmed or shows_something(text=value) else ""


def _is_textarea(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return field.style.get("base_template") == "textarea.html"
