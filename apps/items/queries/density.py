"""What searches learned about the market, a minute a process: how large a ring has a page, and which words are rare.

What is out of date costs time, never a wrong answer.
"""

import math
import time
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, Generic, TypeVar

EVERYTHING = math.inf
"""All that is within the radius is little enough to be read at once."""
_KEPT_S = 60.0
_MAX_KEPT = 4_096
Value = TypeVar("Value")


class _Remembered(Generic[Value]):
    def __init__(self) -> None:
        self._values: dict[Hashable, tuple[float, Value]] = {}

    def get(self, key: Hashable) -> Value | None:
        found = self._values.get(key)
        return found[1] if found is not None and time.monotonic() < found[0] else None

    def put(self, key: Hashable, value: Value) -> None:
        if len(self._values) >= _MAX_KEPT:
            self._values.clear()
        self._values[key] = (time.monotonic() + _KEPT_S, value)

    def clear(self) -> None:
        self._values.clear()


_areas = _Remembered[float]()
_rare = _Remembered[bool]()


def get(values: Mapping[str, Any]) -> float | None:
    """Return the square metres that had a page of items around a search's place, within a few kilometres, or None."""
    return _areas.get(_place(values))


def put(values: Mapping[str, Any], area: float) -> None:
    """Keep the square metres that had a page of items."""
    _areas.put(_place(values), area)


def is_rare(words: Sequence[str], *, rank: int | None) -> bool | None:
    """Return whether few items of a rank have the words, where that was asked within a minute."""
    return _rare.get((*words, rank))


def put_rare(words: Sequence[str], *, rank: int | None, is_rare: bool) -> None:
    """Keep whether few items of a rank have the words."""
    _rare.put((*words, rank), is_rare)


def clear() -> None:
    """Forget all."""
    _areas.clear()
    _rare.clear()


def _place(values: Mapping[str, Any]) -> tuple[float, float, int]:
    return round(values["latitude"], 2), round(values["longitude"], 2), values["radius_m"]
