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
class Told:
    name: str
    colour: str
    reason: str | None
    count: int = 7
    note: str | None = "none"


class Source:
    name, colour, reason, note = "a", Colour.RED, "", ""


def test_fields_are_attributes_or_given_and_empty_texts_and_members_of_enumerations_become_plain() -> None:
    built = build(Told, Source(), name="given")

    assert built == Told(name="given", colour="red", reason=None, count=7, note=None)
    assert type(built.colour) is str


def test_sources_of_one_type_may_differ_in_what_has_a_default() -> None:
    details: dict[str, Any] = {"name": "", "colour": "blue", "reason": "why"}

    bare, full = SimpleNamespace(**details), SimpleNamespace(**details, count=1, note="x")

    assert [build(Told, source) for source in (bare, full, bare)] == [
        Told(**details),
        Told(**details, count=1, note="x"),
        Told(**details),
    ]
    assert build(Told, full, count=2, note=None) == Told(**details, count=2, note=None)


def test_a_source_without_a_needed_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError, match="reason"):
        build(Told, SimpleNamespace(name="a", colour="b"))
