"""Cursors are Django's signed texts, whatever the way there."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from django.core import signing
from rest_framework.exceptions import ValidationError

from gdmarket.rest.cursors import dump_cursor, load_cursor

ROW = {"at": datetime(2026, 5, 1, 12, 0, 0, 123456, tzinfo=UTC), "id": UUID(int=7), "price": 3, "name": "드릴:", "width": 1.5}
ORDER = ("-at", "id", "price", "name", "width")


def test_a_cursor_is_what_django_would_sign_and_says_where_the_page_begins() -> None:
    cursor = dump_cursor(ROW, backwards=True, order=ORDER, salt="a list")

    assert load_cursor(cursor, salt="a list") == (True, tuple(ROW.values()))
    keys = [1, {"t": "2026-05-01T12:00:00.123456+00:00"}, {"u": UUID(int=7).hex}, 3, "드릴:", 1.5]
    assert signing.loads(cursor, salt="a list") == keys
    assert load_cursor(signing.dumps(keys, salt="a list"), salt="a list") == (True, tuple(ROW.values()))


def test_one_with_another_salt_or_key_is_refused_until_the_key_is_a_former_one(settings: Any) -> None:
    cursor = dump_cursor(ROW, backwards=False, order=("id",), salt="a list")
    with pytest.raises(ValidationError):
        load_cursor(cursor, salt="another list")

    former, settings.SECRET_KEY = settings.SECRET_KEY, "another" * 10
    with pytest.raises(ValidationError):
        load_cursor(cursor, salt="a list")
    settings.SECRET_KEY_FALLBACKS = [former]
    assert load_cursor(cursor, salt="a list") == (False, (UUID(int=7),))
