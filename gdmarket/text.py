"""Text that looks like what it is."""

import unicodedata

_LINE_BREAKS = frozenset("\n\r\t")
# Characters that turn the direction of text around, so that a name reads as another. Source: Unicode TR 36, section 3.
_DIRECTION = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_plain(*, text: str, may_break: bool) -> bool:
    """Say whether a text has no control characters, but line breaks and tabs where it `may_break`, and none that turn its direction."""
    allowed = _LINE_BREAKS if may_break else frozenset()
    return all(letter in allowed or (letter not in _DIRECTION and unicodedata.category(letter) != "Cc") for letter in text)
