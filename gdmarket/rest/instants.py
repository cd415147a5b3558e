"""Instants in requests: RFC 3339 as clients write it, always with an offset, stored in UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

NOT_A_MOMENT = _("Give a moment as in 2026-05-01T09:00:00+09:00.")
NO_TIME = _("The time of day and its offset are missing: give a moment as in 2026-05-01T09:00:00+09:00.")
NO_OFFSET = _("The offset is missing: give a moment as in 2026-05-01T09:00:00+09:00.")
NOT_IN_CALENDAR = _("There is no such day, time or offset.")

# Source: RFC 3339, section 5.6, and what clients write that can be read in one way only: Java leaves out zero seconds, Python, PostgreSQL
# and `date --rfc-3339` put a space for the T, strftime's %z and PostgreSQL an offset without its colon or minutes.
_PATTERN = r"(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)? ?(?:([Zz])|([%s])(\d\d)(?::?(\d\d))?)?)?"
_IN_BODY = re.compile(_PATTERN % r"+\-", re.ASCII)
# A plus sign that a client forgot to encode arrives as a space.
_IN_QUERY = re.compile(_PATTERN % r"+\- ", re.ASCII)


class UnreadableInstantError(ValueError):
    """A text is no instant; `reason` says to a person what is wrong."""

    def __init__(self, reason: Any) -> None:
        super().__init__(reason)
        self.reason = reason


def parse_instant(text: object, *, in_query: bool = False) -> datetime:
    """Return the instant `text` in UTC; what is below a microsecond is cut off. In a query string a space before the offset is a plus.

    :raises UnreadableInstantError: if it is not RFC 3339, has no offset or lies outside the calendar
    """
    found = (_IN_QUERY if in_query else _IN_BODY).fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise UnreadableInstantError(NOT_A_MOMENT)
    year, month, day, hour, minute, second, fraction, utc, sign, offset_hours, offset_minutes = found.groups()
    if hour is None:
        raise UnreadableInstantError(NO_TIME)
    if utc is None and sign is None:
        raise UnreadableInstantError(NO_OFFSET)
    microsecond = int((fraction or "")[:6].ljust(6, "0"))
    try:
        offset = timezone(_offset(sign, int(offset_hours or 0), int(offset_minutes or 0)))
        local = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), microsecond, tzinfo=offset)
        return local.astimezone(UTC)
    except (ValueError, OverflowError) as beyond:
        raise UnreadableInstantError(NOT_IN_CALENDAR) from beyond


def _offset(sign: str | None, hours: int, minutes: int) -> timedelta:
    if minutes >= 60:  # noqa: PLR2004  # an hour has 60 minutes
        raise ValueError(minutes)
    ahead = timedelta(hours=hours, minutes=minutes)
    return -ahead if sign == "-" else ahead


class InstantField(serializers.DateTimeField):
    """An instant in RFC 3339 in a JSON body."""

    def to_internal_value(self, value: Any) -> datetime:
        try:
            return parse_instant(value)
        except UnreadableInstantError as unreadable:
            raise serializers.ValidationError(unreadable.reason, code="invalid") from unreadable
