"""A plot as SVG: lines over two logarithmic axes, each with its name at its end."""

import math
from collections.abc import Mapping
from html import escape

_WIDTH, _PANEL, _LEFT, _RIGHT, _TOP, _BOTTOM = 900, 420, 60, 330, 50, 40
_COLOURS = ("#1b6ca8", "#c8553d", "#3a7d44", "#7b4fa3", "#b8860b", "#2a9d8f", "#8d5524", "#d1495b", "#5c677d", "#6a994e")
_LABEL = 13


def svg(*, title: str, times: Mapping[int, Mapping[str, float]]) -> str:
    """Return the plot of `times`, milliseconds by size and name: a panel for each group of names, the words before their first comma."""
    panels: dict[str, list[str]] = {}
    for name in next(iter(times.values())):
        head = name.partition(",")[0]
        group = "Searching items" if head == "items" else "Lists of rentals and statuses" if " of " in head or head == "rentals" else ""
        panels.setdefault(group if "status of a" not in name and "dispatch" not in name else "", []).append(name)
    parts = [
        _panel(group or "Single resources, writes, dispatch", names, times, number) for number, (group, names) in enumerate(panels.items())
    ]
    height = _TOP + _PANEL * len(parts)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="11">'
    heading = f'<text x="{_LEFT}" y="24" font-size="15">{escape(title)}</text>'
    return "\n".join([head, f'<rect width="{_WIDTH}" height="{height}" fill="white"/>', heading, *parts, "</svg>"]) + "\n"


def _panel(group: str, names: list[str], times: Mapping[int, Mapping[str, float]], number: int) -> str:
    sizes = list(times)
    values = [times[size][name] for name in names for size in sizes]
    lowest, highest = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)
    top, bottom = _TOP + _PANEL * number + 20, _TOP + _PANEL * (number + 1) - _BOTTOM

    def x(size: int) -> float:
        span = math.log10(sizes[-1] / sizes[0]) or 1.0
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * math.log10(size / sizes[0]) / span

    def y(value: float) -> float:
        return bottom - (bottom - top) * (math.log10(value) - lowest) / ((highest - lowest) or 1)

    lines = [f'<text x="{_LEFT}" y="{top - 8}" font-weight="bold">{escape(group)}, ms</text>']
    for power in range(lowest, highest + 1):
        at = y(10.0**power)
        lines.append(f'<path d="M{_LEFT} {at:.1f}H{_WIDTH - _RIGHT}" stroke="#ddd"/>')
        lines.append(f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    lines += [f'<text x="{x(size):.1f}" y="{bottom + 16}" text-anchor="middle">{size:,}</text>' for size in sizes]
    ends = sorted(names, key=lambda name: times[sizes[-1]][name])
    free = float(bottom) + _LABEL
    for place, name in enumerate(ends):
        colour = _COLOURS[place % len(_COLOURS)]
        points = " ".join(f"{x(size):.1f},{y(times[size][name]):.1f}" for size in sizes)
        end = y(times[sizes[-1]][name])
        # A name stands beside the end of its line, or above the one below it.
        free = min(end, free - _LABEL)
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        lines.append(f'<path d="M{x(sizes[-1]):.1f} {end:.1f}L{_WIDTH - _RIGHT + 16} {free:.1f}" stroke="{colour}" stroke-width="0.5"/>')
        lines.append(
            f'<text x="{_WIDTH - _RIGHT + 20}" y="{free + 4:.1f}" fill="{colour}">{escape(name)} {times[sizes[-1]][name]:.1f}</text>'
        )
    return "\n".join(lines)
