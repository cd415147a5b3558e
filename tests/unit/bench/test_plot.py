"""The curve's picture is a document that browsers read, with a point for every figure."""

from xml.etree import ElementTree as ET

from bench import plot

SVG = "{http://www.w3.org/2000/svg}"
TIMES = {1_000_000: {"near <2 km": 9.04, "POST": 110.0}, 10_000: {"near <2 km": 8.0, "POST": 90.0}}


def test_each_request_has_a_plot_with_a_point_for_each_size() -> None:
    picture = ET.fromstring(plot.draw(TIMES, title="Milliseconds & sizes"))  # our own

    texts = [text.text or "" for text in picture.iter(f"{SVG}text")]
    assert {"Milliseconds & sizes", "near <2 km", "POST", "8.0", "9.0", "110.0"} <= set(texts)
    assert "10,000 · 1,000,000 items from left to right; lines at 1, 10, 100, 1000 ms" in texts
    assert len(list(picture.iter(f"{SVG}circle"))) == 4


def test_what_takes_longer_stands_higher() -> None:
    picture = ET.fromstring(plot.draw(TIMES, title="t"))  # our own

    heights = [float(circle.get("cy", "")) for circle in picture.iter(f"{SVG}circle")]
    assert heights[0] > heights[1]
    assert heights[2] > heights[3]
    assert min(heights[:2]) > max(heights[2:])
