"""Which whole numbers are read."""

import pytest

from gdmarket.rest.numbers import integer_from_json, integer_from_query


@pytest.mark.parametrize(("value", "number"), [(12_000, 12_000), (12000.0, 12_000), (-0.0, 0), (-3, -3)])
def test_a_json_number_with_a_zero_fraction_is_a_whole_number(value: float, number: int) -> None:
    assert integer_from_json(value) == number


@pytest.mark.parametrize("value", ["12000", "１２", True, False, 0.5, None, [], {}])
def test_nothing_else_in_json_is_a_whole_number(value: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words
        integer_from_json(value)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("12000", 12_000), ("-3", -3), ("007", 7), ("9" * 1000, int("9" * 1000))])
def test_the_digits_of_a_query_string_are_those_of_ascii(text: str, number: int) -> None:
    assert integer_from_query(text) == number


@pytest.mark.parametrize("text", ["１２", "1_000", "+5", " 7", "7 ", "1.0", "1e3", "", "-", "٣", "²", "9" * 1001, 5, None])
def test_nothing_else_in_a_query_string_is_a_whole_number(text: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # it has no words
        integer_from_query(text)
