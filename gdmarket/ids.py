"""Identifiers that sort by creation time."""

import re
import secrets
import time
from datetime import UTC, datetime
from uuid import UUID

VERSION = 7
_VERSION_7 = VERSION << 76
_VARIANT = 0b10 << 62
WRITTEN = "[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}"


def is_id(text: str) -> bool:
    """Return whether a text is a UUID in hexadecimal digits of ASCII, small or capital, with or without its hyphens.

    `UUID(text)` reads more: digits of every script, signs, spaces, underscores, hyphens anywhere.
    """
    return re.fullmatch(WRITTEN, text) is not None


def read_id(text: str) -> UUID | None:
    """Return the UUID that a text writes, or None."""
    return UUID(text) if is_id(text) else None


def made_at(made: UUID) -> datetime:
    """Return when `uuid7` made an id, in UTC, to the millisecond."""
    return datetime.fromtimestamp((made.int >> 80) / 1000, UTC)


def uuid7() -> UUID:
    """Return a new UUID, version 7: 48 bits of Unix milliseconds, then 74 random bits.

    Source: RFC 9562, section 5.7.
    """
    milliseconds, random = time.time_ns() // 1_000_000, secrets.randbits(74)
    return UUID(int=(milliseconds & (1 << 48) - 1) << 80 | _VERSION_7 | (random >> 62) << 64 | _VARIANT | random & (1 << 62) - 1)


def first_at(at: datetime) -> UUID:
    """Return the smallest UUID of version 7 of an instant's millisecond: what is made from then on is not before it."""
    return UUID(int=int(at.timestamp() * 1000) << 80 | _VERSION_7 | _VARIANT)
