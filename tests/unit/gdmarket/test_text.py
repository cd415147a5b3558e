"""Text without control and direction characters."""

import pytest

from gdmarket.text import is_plain


@pytest.mark.parametrize("text", ["", "한강 드릴", "e\u0301", "👩\u200d🔧", "a\u00a0b"])
def test_ordinary_text_is_plain(text: str) -> None:
    assert is_plain(text=text, may_break=False)


@pytest.mark.parametrize("text", ["a\0b", "a\x07b", "a\x1b[31m", "a\x85b", "Re\u202egnir", "a\u2066b\u2069"])
def test_text_with_hidden_characters_is_not_plain(text: str) -> None:
    assert not is_plain(text=text, may_break=False)
    assert not is_plain(text=text, may_break=True)


@pytest.mark.parametrize("text", ["one\ntwo", "one\r\ntwo", "one\ttwo"])
def test_only_long_text_may_break(text: str) -> None:
    assert not is_plain(text=text, may_break=False)
    assert is_plain(text=text, may_break=True)
