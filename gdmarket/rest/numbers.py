"""Whole numbers in requests, as JSON Schema and the OpenAPI document have them."""

import re

_WHOLE = re.compile(r"-?[0-9]{1,1000}")


def integer_from_json(value: object) -> int:
    """Return the whole number that a JSON value is: 12000.0 is one, as many languages write it; a text or a truth value is none.

    :raises ValueError: if it is none
    """
    if type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise ValueError(value)


def integer_from_query(value: object) -> int:
    """Return the whole number in a query string: the digits 0 to 9, at most 1,000 of them, after a minus or nothing.

    :raises ValueError: if it is none, as with a plus, spaces, underscores, a fraction or the digits of other scripts
    """
    if not isinstance(value, str) or not _WHOLE.fullmatch(value):
        raise ValueError(value)
    return int(value)
