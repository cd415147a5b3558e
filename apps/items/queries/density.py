"""A cache, for 60 s a process, of how large a ring must be to fill a page. A stale entry costs time, never a wrong answer."""

import math
import time
from collections.abc import Mapping
from typing import Any

EVERYTHING = math.inf
"""All that is within the radius is little enough to be read at once."""
_KEPT_S = 60.0
_MAX_KEPT = 4_096
_areas: dict[tuple[float, float, int], tuple[float, float]] = {}


def get(values: Mapping[str, Any]) -> float | None:
    """Return the square metres that had a page of items around a search's place, within a few kilometres, or None."""
    until, area = _areas.get(_key(values), (0.0, 0.0))
    return area if time.monotonic() < until else None


def put(values: Mapping[str, Any], area: float) -> None:
    """Keep the square metres that had a page of items."""
    if len(_areas) >= _MAX_KEPT:
        _areas.clear()
    _areas[_key(values)] = (time.monotonic() + _KEPT_S, area)


def _key(values: Mapping[str, Any]) -> tuple[float, float, int]:
    return round(values["latitude"], 2), round(values["longitude"], 2), values["radius_m"]


def clear() -> None:
    """Forget all."""
    _areas.clear()
