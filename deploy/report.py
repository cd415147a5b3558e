"""Reports of measurements: the machine, how it was measured, then one line a figure with its target beside it."""

import json
import os
import platform
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from statistics import median

# Figures of a machine that had other work are worth little.
_LOAD_AT_START = os.getloadavg()[0]
_ROW = "{:<60} {:>12} {:<6} {:>19}  {}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One thing measured, once or in several rounds; `aim` is for the reader and decides nothing."""

    what: str
    values: Sequence[float]
    unit: str = ""
    aim: str = ""

    @property
    def value(self) -> float:
        """The median of the rounds."""
        return median(self.values)


def machine() -> str:
    """Describe this machine."""
    return f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}, Django {version('django')}"


def progress(text: str) -> None:
    """Print a line to stderr, with the time."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def print_figures(*, figures: Sequence[Figure], notes: Mapping[str, str], as_json: bool) -> None:
    """Print a table or one JSON document; `notes` say how it was measured."""
    about = {"machine": f"{machine()}; load average at the start {_LOAD_AT_START:.1f}", **notes}
    if as_json:
        rows = [
            {"what": figure.what, "value": figure.value, "unit": figure.unit, "rounds": list(figure.values), "aim": figure.aim}
            for figure in figures
        ]
        print(json.dumps({**about, "figures": rows}, ensure_ascii=False))
        return
    for name, text in about.items():
        print(f"{name}: {text}")
    print(_ROW.format("what", "median", "", "lowest to highest", "aim").rstrip())
    for figure in figures:
        span = f"{_number(min(figure.values))} to {_number(max(figure.values))}" if len(figure.values) > 1 else ""
        print(_ROW.format(figure.what, _number(figure.value), figure.unit, span, figure.aim).rstrip())


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"  # noqa: PLR2004  # three digits
