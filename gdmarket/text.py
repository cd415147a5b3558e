"""Checks of text from people."""

import unicodedata

_LINE_BREAKS = frozenset("\n\r\t")
# Characters that change the direction of text, so that one name looks like another. Source: Unicode TR 36, section 3.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_plain(*, text: str, may_break: bool) -> bool:
    """Return whether a text has no control or direction characters, except line breaks and tabs if it `may_break`."""
    allowed = _LINE_BREAKS if may_break else frozenset()
    return all(letter in allowed or (letter not in _DIRECTION and unicodedata.category(letter) != "Cc") for letter in text)
