"""A contract is built from what a source has."""

from dataclasses import dataclass
from enum import StrEnum
from types import SimpleNamespace
from typing import Any

import pytest

from gdmarket.contracts import build


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    name: str
    colour: str
    reason: str | None
    count: int = 7
    note: str | None = "none"


class Source:
    name, colour, reason, note = "a", Colour.RED, "", ""


def test_fields_are_attributes_or_given_and_empty_texts_and_members_of_enumerations_become_plain() -> None:
    built = build(Summary, Source(), name="given")

    assert built == Summary(name="given", colour="red", reason=None, count=7, note=None)
    assert type(built.colour) is str


def test_sources_of_one_type_may_differ_in_what_has_a_default() -> None:
    details: dict[str, Any] = {"name": "", "colour": "blue", "reason": "why"}

    bare, full = SimpleNamespace(**details), SimpleNamespace(**details, count=1, note="x")

    assert [build(Summary, source) for source in (bare, full, bare)] == [
        Summary(**details),
        Summary(**details, count=1, note="x"),
        Summary(**details),
    ]
    assert build(Summary, full, count=2, note=None) == Summary(**details, count=2, note=None)


def test_a_source_without_a_needed_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="reason"):
        build(Summary, SimpleNamespace(name="a", colour="b"))
