"""Text from people: what may be in it, whether it shows anything, and how it is compared.

docs/reference/text.md has the rules for readers.
"""

import re
import unicodedata

MAX_SEARCH = 100
"""How many characters of a search are looked at."""
MAX_WORDS = 16
"""How many of its words: each is one more comparison of every row."""

_LINE_BREAKS = frozenset("\n\r\t")
# Characters that change the direction of text, so that one name looks like another. Source: Unicode TR 36, section 3.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What is drawn as nothing. Source: Unicode 16, DerivedCoreProperties.txt, Default_Ignorable_Code_Point, and the characters whose picture is
# blank though they are none of these: object replacement character, Braille pattern blank, null notehead, Khitan filler, Egyptian blanks.
_BLANK_RANGES = (
    (0xAD, 0xAD),
    (0x34F, 0x34F),
    (0x61C, 0x61C),
    (0x115F, 0x1160),
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),
    (0x200B, 0x200F),
    (0x202A, 0x202E),
    (0x2060, 0x206F),
    (0x2800, 0x2800),
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFC),
    (0x13430, 0x13455),
    (0x16FE4, 0x16FE4),
    (0x1BCA0, 0x1BCA3),
    (0x1D159, 0x1D159),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),
)
_BLANK = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _BLANK_RANGES) + "]")
# Mathematical signs and lone accents (~ + ^ `) are typed as punctuation; other symbols, such as ₩, ° and emoji, count.
_IGNORED = ("P", "Z", "C")
_IGNORED_SYMBOLS = frozenset({"Sm", "Sk"})


def is_plain(*, text: str, may_break: bool) -> bool:
    """Return whether a text has no control or direction characters, except line breaks and tabs if it `may_break`."""
    allowed = _LINE_BREAKS if may_break else frozenset()
    return all(letter in allowed or (letter not in _DIRECTION and unicodedata.category(letter) != "Cc") for letter in text)


def tidy(*, text: str) -> str:
    """Return a text in NFC with plain line breaks; browsers send each with a carriage return."""
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n")


def shows_something(*, text: str) -> bool:
    """Return whether a reader would see anything: a text of spaces, invisible characters and combining marks alone shows nothing."""
    return any(not _BLANK.match(letter) and _is_drawn(unicodedata.category(letter)) for letter in text)


def folded(*, text: str) -> str:
    """Return a text as it is compared: without spaces, punctuation and invisible characters, alike in case, width and NFC or NFD."""
    return "".join(letter for letter in _alike(text) if _counts(letter))


def search_text(*parts: str) -> str:
    """Return what a search looks in: each part folded, on a line of its own, so that no word is found across two parts."""
    return "\n".join(folded(text=part) for part in parts)


def words(*, text: str) -> list[str]:
    """Return the words of a search, folded, each once. A text holds the words if its `search_text` contains each of them.

    Spaces and punctuation end a word, except between two digits, as in 3.5 or 1,000. Only the first 100 characters, and
    16 words, are looked at.
    """
    spaced = []
    letters = _alike(text[:MAX_SEARCH])
    for place, letter in enumerate(letters):
        between_digits = 0 < place < len(letters) - 1 and letters[place - 1].isdecimal() and letters[place + 1].isdecimal()
        if _counts(letter):
            spaced.append(letter)
        elif not (between_digits and unicodedata.category(letter).startswith("P")):
            spaced.append(" ")
    return list(dict.fromkeys("".join(spaced).split()))[:MAX_WORDS]


def _alike(text: str) -> str:
    """Return a text in one case, width and composition, without invisible characters.

    They are taken out first, so that parts of a syllable meet, and again, as normalizing makes some: U+3164 becomes U+1160.
    """
    folded_case = unicodedata.normalize("NFKC", _BLANK.sub("", text)).casefold()
    return unicodedata.normalize("NFKC", _BLANK.sub("", folded_case))


def _counts(letter: str) -> bool:
    category = unicodedata.category(letter)
    # Unassigned here: a letter or picture of a newer Unicode than Python's.
    return category == "Cn" or not (category.startswith(_IGNORED) or category in _IGNORED_SYMBOLS)


def _is_drawn(category: str) -> bool:
    return category == "Cn" or not (category.startswith(("Z", "C")) or category == "Mn")
