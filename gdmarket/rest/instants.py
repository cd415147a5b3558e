"""Instants in requests: RFC 3339, always with an offset, stored in UTC."""

import re
from datetime import UTC, datetime
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

# Source: RFC 3339, section 5.6; the space is a plus sign that a client forgot to encode in a query string.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+\- ]\d\d:\d\d)", re.ASCII)
REFUSAL = _("Give a moment with its offset, as in 2026-05-01T09:00:00+09:00.")


def parse_instant(text: str) -> datetime:
    """Return the instant `text` in UTC.

    :raises ValueError: if it is not RFC 3339, has no offset or lies outside the calendar
    """
    if not _INSTANT.fullmatch(text):
        raise ValueError(text)
    try:
        return datetime.fromisoformat(text.upper().replace(" ", "+")).astimezone(UTC)
    except OverflowError as beyond:
        raise ValueError(text) from beyond


class InstantField(serializers.DateTimeField):
    """An instant in RFC 3339 in a JSON body."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return parse_instant(value if isinstance(value, str) else "")
        except ValueError as unreadable:
            raise serializers.ValidationError(REFUSAL, code="invalid") from unreadable
