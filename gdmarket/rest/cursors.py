"""Where a page begins, as a text that only we can make: the keys of a row, signed for one list and order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.core import signing
from django.utils.translation import gettext as _
from rest_framework.exceptions import ErrorDetail, ValidationError


def dump_cursor(row: Any, *, backwards: bool, order: Sequence[str], salt: str) -> str:
    """Return the cursor of the page that begins after a row, or ends before it where it goes `backwards`."""
    names = [name.removeprefix("-") for name in order]
    keys = [_to_json(row[name] if isinstance(row, Mapping) else getattr(row, name)) for name in names]
    return signing.dumps([int(backwards), *keys], salt=salt)


def load_cursor(cursor: str, *, salt: str) -> tuple[bool, tuple[Any, ...]]:
    """Return whether a cursor goes backwards, and the keys of its row.

    :raises ValidationError: if it was not made with this salt
    """
    try:
        backwards, *keys = signing.loads(cursor, salt=salt)
    except (signing.BadSignature, ValueError) as error:
        raise ValidationError({"cursor": [ErrorDetail(_("This is not a cursor of this list."), code="invalid")]}) from error
    return bool(backwards), tuple(_from_json(key) for key in keys)


def _to_json(key: Any) -> Any:
    match key:
        case datetime():
            return {"t": key.isoformat()}
        case UUID():
            return {"u": key.hex}
        case _:
            return key


def _from_json(key: Any) -> Any:
    match key:
        case {"t": text}:
            return datetime.fromisoformat(text)
        case {"u": text}:
            return UUID(text)
        case _:
            return key
