"""What callers may write."""

from typing import Any

import pytest
from rest_framework.exceptions import ValidationError

from tests.unit.gdmarket.rest.desk import NoteSerializer


def codes(data: dict[str, Any]) -> Any:
    asked = NoteSerializer(data=data)
    with pytest.raises(ValidationError) as refusal:
        asked.is_valid(raise_exception=True)
    return refusal.value.get_codes()


def taken(data: dict[str, Any]) -> Any:
    asked = NoteSerializer(data=data)
    asked.is_valid(raise_exception=True)
    return asked.validated_data


def test_an_unknown_field_is_refused_by_name() -> None:
    assert codes({"note": "a", "is_staff": True, "price": 1}) == {"is_staff": ["unknown_field"], "price": ["unknown_field"]}


def test_a_read_only_field_is_refused_by_name() -> None:
    assert codes({"note": "a", "number": 7}) == {"number": ["read_only"]}


def test_text_is_taken_in_one_form() -> None:
    assert taken({"note": "\u1100\u1161 e\u0301"}) == {"note": "\uac00 \u00e9"}


@pytest.mark.parametrize("text", ["a\x07b", "a\x1b[31m", "a\x85b", "one\ntwo", "Re\u202egnir", "a\u2066b"])
def test_control_characters_are_refused(text: str) -> None:
    assert codes({"note": text}) == {"note": ["control_characters"]}


def test_a_longer_text_may_have_lines_but_no_other_control_characters() -> None:
    assert taken({"note": "a", "story": "one\n\ttwo"})["story"] == "one\n\ttwo"
    assert codes({"note": "a", "story": "one\x00two"}) == {"story": ["control_characters"]}
