"""Reading what callers write: nothing unknown, nothing read-only, no text that looks like what it is not."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from gdmarket.text import is_plain

_UNKNOWN = _("There is no such field.")
_READ_ONLY = _("This field cannot be written.")
_CONTROL = _("Control characters are not allowed.")


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses unknown and read-only fields by name, and takes text in NFC without control characters.

    A `CharField` with `style={"base_template": "textarea.html"}` may hold line breaks and tabs.
    """

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            refused = {name: _refusal(self.fields.get(name)) for name in data if _is_refused(self.fields.get(name))}
            if refused:
                raise serializers.ValidationError(refused)
            data = self._cleaned(data)
        return super().to_internal_value(data)

    def _cleaned(self, data: Mapping[str, Any]) -> dict[str, Any]:
        cleaned: dict[str, Any] = {}
        refused: dict[str, list[ErrorDetail]] = {}
        for name, value in data.items():
            cleaned[name] = unicodedata.normalize("NFC", value) if isinstance(value, str) else value
            if isinstance(value, str) and not is_plain(text=value, may_break=_may_break(self.fields[name])):
                refused[name] = [ErrorDetail(str(_CONTROL), code="control_characters")]
        if refused:
            raise serializers.ValidationError(refused)
        return cleaned


def _is_refused(field: serializers.Field[Any, Any, Any, Any] | None) -> bool:
    return field is None or field.read_only


def _refusal(field: serializers.Field[Any, Any, Any, Any] | None) -> list[ErrorDetail]:
    return [ErrorDetail(str(_UNKNOWN), code="unknown_field") if field is None else ErrorDetail(str(_READ_ONLY), code="read_only")]


def _may_break(field: serializers.Field[Any, Any, Any, Any]) -> bool:
    return field.style.get("base_template") == "textarea.html"
