"""The plot of the curve is an SVG in which every request has its line and its name."""

from itertools import pairwise
from xml.etree import ElementTree as ET

from bench.plot import svg

_SVG = "{http://www.w3.org/2000/svg}"


def test_every_request_has_a_line_and_a_name_that_covers_no_other() -> None:
    names = ["items, newest", "items, near, 2 km", "rentals, of a renter", "status of items", "an item", "POST /rentals, paid"]
    times = {size: {name: 1.5 + place * size / 100 for place, name in enumerate(names)} for size in (10, 1_000)}

    drawn = ET.fromstring(svg(title="Milliseconds & more", times=times))

    assert len(drawn.findall(f"{_SVG}polyline")) == len(names)
    labels = [text for text in drawn.findall(f"{_SVG}text") if any((text.text or "").startswith(name) for name in names)]
    assert len(labels) == len(names)
    heights = sorted(float(label.attrib["y"]) for label in labels)
    assert all(after - before >= 12 for before, after in pairwise(heights))
