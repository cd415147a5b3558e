"""The sums that a payment provider takes, as the settings write them: `KRW=100-10000000,USD=50-`."""

import re
from collections.abc import Mapping

from environs import ValidationError

_SPAN = re.compile(r"([1-9][0-9]*)?-([1-9][0-9]*)?")


def check_amounts(pairs: Mapping[str, str]) -> None:
    """Refuse what are not a smallest and a largest sum of currencies; either may be left out.

    :raises ValidationError: then
    """
    for currency, span in pairs.items():
        found = _SPAN.fullmatch(span)
        if not re.fullmatch(r"[A-Z]{3}", currency) or found is None or (all(found.groups()) and int(found[1]) > int(found[2])):
            raise ValidationError('Must be like "KRW=100-10000000,USD=50-": the smallest and the largest sum of each currency.')


def spans(pairs: Mapping[str, str]) -> dict[str, tuple[int | None, int | None]]:
    """Return the smallest and the largest sum of each currency in minor units, None where there is no such limit."""
    ends = {currency: span.partition("-") for currency, span in pairs.items()}
    return {currency: (int(least) if least else None, int(most) if most else None) for currency, (least, _, most) in ends.items()}
