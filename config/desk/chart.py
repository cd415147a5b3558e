"""Charts as the geometry of an SVG: counts by day, and sums by month."""

from collections.abc import Sequence
from datetime import date
from typing import Any

WIDTH, HEIGHT = 600, 120
_STEP_SHARE = 0.66


def bars(counts: Sequence[tuple[date, int]]) -> dict[str, Any]:
    """Return the bars of a chart: `x`, `y`, `width` and `height` of each day's, in a box of `WIDTH` by `HEIGHT`.

    A day without rentals has a bar of 2. `most` is the largest count, and `best` the first day that has it.
    """
    most = max((count for _day, count in counts), default=0)
    step = WIDTH / max(1, len(counts))
    drawn = []
    for number, (day, count) in enumerate(counts):
        height = max(2.0, HEIGHT * count / most) if most else 2.0
        drawn.append(
            {
                "day": day,
                "count": count,
                "x": _plain(number * step + step * (1 - _STEP_SHARE) / 2),
                "y": _plain(HEIGHT - height),
                "width": _plain(step * _STEP_SHARE),
                "height": _plain(height),
            }
        )
    best = next((day for day, count in counts if count == most), None) if most else None
    return {"bars": drawn, "most": most, "best": best, "width": WIDTH, "height": HEIGHT}


def signed_bars(amounts: Sequence[tuple[date, int]]) -> dict[str, Any]:
    """Return the bars of a chart of sums, those below 0 hanging from its line, at the height `zero`; otherwise as `bars` does.

    `most` is None where no sum is above 0.
    """
    top, bottom = max((0, *(amount for _month, amount in amounts))), min((0, *(amount for _month, amount in amounts)))
    scale, step = HEIGHT / ((top - bottom) or 1), WIDTH / max(1, len(amounts))
    zero = scale * top if top or bottom else HEIGHT
    drawn = []
    for number, (month, amount) in enumerate(amounts):
        height = max(2.0, scale * abs(amount))
        drawn.append(
            {
                "month": month,
                "amount": amount,
                "x": _plain(number * step + step * (1 - _STEP_SHARE) / 2),
                "y": _plain(zero if amount < 0 else max(0.0, zero - height)),
                "width": _plain(step * _STEP_SHARE),
                "height": _plain(height),
            }
        )
    best = next((month for month, amount in amounts if top and amount == top), None)
    return {"bars": drawn, "most": top or None, "best": best, "zero": _plain(zero), "width": WIDTH, "height": HEIGHT}


def _plain(number: float) -> str:
    """Return a number as SVG reads it, whatever the reader's language writes between the digits."""
    return f"{number:.1f}"
