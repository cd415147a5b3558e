"""The curve as a picture: for each request a small plot of its time against the size of the market, all on the same axes."""

from collections.abc import Mapping, Sequence
from html import escape
from math import ceil, floor, log10

Times = Mapping[int, Mapping[str, float]]

_COLUMNS, _WIDTH, _HEIGHT, _GAP, _TOP = 4, 232, 84, 16, 44
_STYLE = (
    "text{font:11px system-ui,sans-serif;fill:#24292f}.faint{fill:#6e7781}.grid{stroke:#d0d7de}"
    ".line{stroke:#1f6f43;stroke-width:2;fill:none}circle{fill:#1f6f43}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#8b949e}.grid{stroke:#30363d}.line{stroke:#56d364}circle{fill:#56d364}}"
)


def draw(times: Times, *, title: str) -> str:
    """Return an SVG document of milliseconds by request and size, both axes logarithmic."""
    sizes = sorted(times)
    names = list(times[sizes[0]])
    rows = ceil(len(names) / _COLUMNS)
    width, height = _COLUMNS * (_WIDTH + _GAP) + _GAP, _TOP + rows * (_HEIGHT + 2 * _GAP + 8)
    values = [times[size][name] for size in sizes for name in names]
    decades = (floor(log10(min(values))), ceil(log10(max(values))))
    panels = []
    for at, name in enumerate(names):
        x, y = _GAP + at % _COLUMNS * (_WIDTH + _GAP), _TOP + at // _COLUMNS * (_HEIGHT + 2 * _GAP + 8)
        drawn = _panel(name, sizes, [times[size][name] for size in sizes], decades)
        panels.append(f'<g transform="translate({x},{y})">{drawn}</g>')
    marked = ", ".join(f"{10.0**exponent:g}" for exponent in range(decades[0], decades[1] + 1))
    about = f"{' · '.join(f'{size:,}' for size in sizes)} items from left to right; lines at {marked} ms"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>'
        f'<style>{_STYLE}</style><text x="{_GAP}" y="18">{escape(title)}</text><text class="faint" x="{_GAP}" y="34">{about}</text>'
        f"{''.join(panels)}</svg>\n"
    )


def _panel(name: str, sizes: Sequence[int], values: Sequence[float], decades: tuple[int, int]) -> str:
    low, high = decades
    widest = log10(sizes[-1] / sizes[0]) or 1

    def height_of(value: float) -> float:
        return round(_GAP + _HEIGHT * (high - log10(value)) / (high - low), 1)

    points = [(round(_WIDTH * log10(size / sizes[0]) / widest, 1), height_of(value)) for size, value in zip(sizes, values, strict=True)]
    lines = [f'<path class="grid" d="M0 {height_of(10.0**each)}H{_WIDTH}"/>' for each in range(low, high + 1)]
    dots = [f'<circle cx="{x}" cy="{y}" r="3"/>' for x, y in points]
    ends = [
        f'<text class="faint" x="{x}" y="{y - 6 if y > _GAP + 12 else y + 15}" text-anchor="{anchor}">{value:.1f}</text>'
        for (x, y), value, anchor in zip((points[0], points[-1]), (values[0], values[-1]), ("start", "end"), strict=True)
    ]
    path = "L".join(f"{x} {y}" for x, y in points)
    return f'<text x="0" y="8">{escape(name)}</text>{"".join(lines)}<path class="line" d="M{path}"/>{"".join(dots)}{"".join(ends)}'
