"""Strict input."""

from typing import Any

import pytest
from django.utils import translation
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import CharField, IntegerField, UUIDField

from gdmarket.rest.serializers import StrictSerializer
from tests.unit.gdmarket.rest.sample_api import NoteSerializer


def validated(data: dict[str, Any]) -> Any:
    return NoteSerializer.validated(data)


def codes(data: dict[str, Any]) -> Any:
    with pytest.raises(ValidationError) as refusal:
        validated(data)
    return refusal.value.get_codes()


def test_unknown_and_read_only_fields_are_refused_by_name() -> None:
    assert codes({"note": "a", "is_staff": True, "number": 7}) == {"is_staff": ["unknown_field"], "number": ["read_only"]}


def test_a_refusal_is_in_the_language_of_the_caller_whoever_was_refused_before() -> None:
    class Short(StrictSerializer):
        text = CharField(max_length=2)
        number = IntegerField(max_value=2)

    for language in ("en", "ko", "en"):
        with translation.override(language), pytest.raises(ValidationError) as refusal:
            Short.validated({"text": "abc", "number": 3})
        with translation.override(language):
            expected = Short(data={"text": "abc", "number": 3})
            assert not expected.is_valid()
            assert refusal.value.detail == expected.errors


def test_a_part_of_the_fields_may_be_missing_only_where_that_is_said() -> None:
    class Pair(StrictSerializer):
        text = CharField()
        number = IntegerField(default=7)

    assert Pair.validated({"text": "a"}) == {"text": "a", "number": 7}
    assert Pair.validated({"text": "a"}, partial=True) == {"text": "a"}
    assert Pair.validated({}, partial=True) == {}
    with pytest.raises(ValidationError):
        Pair.validated({})


def test_text_is_normalized_to_nfc() -> None:
    assert validated({"note": "\u1100\u1161 e\u0301"}) == {"note": "\uac00 \u00e9"}


@pytest.mark.parametrize("value", [True, 1, 1.0])
def test_an_id_is_a_text_and_not_true_or_a_number(value: object) -> None:
    class Choice(StrictSerializer):
        item = UUIDField()

    choice = Choice(data={"item": value})
    assert (choice.is_valid(), choice.errors["item"][0].code, str(choice.errors["item"][0])) == (False, "invalid", "This must be a text.")


@pytest.mark.parametrize("text", ["a\x07b", "one\ntwo", "Re\u202egnir"])
def test_control_characters_are_refused(text: str) -> None:
    assert codes({"note": text}) == {"note": ["control_characters"]}


def test_a_textarea_may_have_lines_but_no_other_control_characters() -> None:
    assert validated({"note": "a", "text": "one\n\ttwo"})["text"] == "one\n\ttwo"
    assert codes({"note": "a", "text": "one\x00two"}) == {"text": ["control_characters"]}
