"""Text without control and direction characters, what shows something, and how text is compared."""

import unicodedata

import pytest

from gdmarket.text import folded, is_plain, search_text, shows_something, words

SPACES = ["\u0020", "\u00a0", "\u1680", "\u2003", "\u2009", "\u202f", "\u205f", "\u3000", "\t"]
INVISIBLE = [
    "\u00ad",
    "\u034f",
    "\u115f",
    "\u1160",
    "\u17b5",
    "\u180e",
    "\u200b",
    "\u200d",
    "\u2060",
    "\u2800",
    "\u3164",
    "\ufe0f",
    "\ufeff",
    "\uffa0",
    "\ufffc",
]


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


@pytest.mark.parametrize("text", ["", *SPACES, *INVISIBLE, "\u3164\u00a0\u200b\ufe0f", "\u0301", "\U000e0041"])
def test_spaces_and_invisible_characters_show_nothing(text: str) -> None:
    assert not shows_something(text=text)


@pytest.mark.parametrize(
    "text", ["가", "ㅋ", "a", "7", "!", "₩", "🔧", "❤\ufe0f", "\u3164드릴", unicodedata.normalize("NFD", "드릴"), "\U0001fae8"]
)
def test_whatever_has_one_picture_shows_something(text: str) -> None:
    assert shows_something(text=text)


@pytest.mark.parametrize("space", SPACES)
def test_spaces_of_every_kind_are_alike(space: str) -> None:
    assert folded(text=f"캠핑{space}의자") == folded(text="캠핑 의자") == folded(text="캠핑의자")
    assert words(text=f"캠핑{space}의자") == ["캠핑", "의자"]


@pytest.mark.parametrize("letter", INVISIBLE)
def test_invisible_characters_are_not_compared(letter: str) -> None:
    assert folded(text=f"캠{letter}핑") == "캠핑"
    assert words(text=f"캠{letter}핑") == ["캠핑"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (unicodedata.normalize("NFD", "드릴"), "드릴"),
        ("ᄃ\u200bᅳᄅ\u3164ᅵᆯ", "드릴"),
        ("ＤＳＬＲ", "dslr"),
        ("ﾊﾝﾏｰ", "ハンマー"),
        ("Straße", "STRASSE"),
        ("DSLR-카메라", "DSLR 카메라"),
        ("(새것) 드릴!!", "새것 드릴"),
        ("드릴~", "드릴"),
        ("3.5m", "3,5 M"),
        ("❤\ufe0f", "❤"),
    ],
)
def test_what_reads_alike_is_compared_as_one(one: str, other: str) -> None:
    assert folded(text=one) == folded(text=other)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("DSLR-카메라", ["dslr", "카메라"]),
        ("“캠핑, 의자”", ["캠핑", "의자"]),
        ("3.5m 1,000원 10 20", ["35m", "1000원", "10", "20"]),
        ("드릴 드릴", ["드릴"]),
        ("🔧", ["🔧"]),
        ("%", []),
        ("_ \u3164", []),
        ("c++", ["c"]),
        ("a" * 200, ["a" * 100]),
    ],
)
def test_the_words_of_a_search(text: str, expected: list[str]) -> None:
    assert words(text=text) == expected


def test_no_search_has_more_words_than_are_worth_comparing() -> None:
    assert len(words(text=" ".join("abcdefghijklmnopqrstuvwxyz"))) == 16


def test_folding_twice_changes_nothing() -> None:
    for text in ("드릴 세트", "ﬀ Ⅷ ㈜", "İstanbul", "ㅎㅏㄴ", "ﷺ", "½"):
        assert folded(text=folded(text=text)) == folded(text=text)


def test_no_word_is_found_across_two_parts() -> None:
    assert "드릴서울" not in search_text("전동 드릴", "서울")
