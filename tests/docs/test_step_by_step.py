"""The page that follows one payment through the code names files and names that are there."""

import re

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "explanation" / "a-rental-step-by-step.md"
MOST_FILES = 14
_STEP = re.compile(r"^(?P<number>\d+)\. \[`(?P<path>[^`]+)`\]\([^)]+\):(?P<text>.*?)(?=\n\n|\n\d+\. |\Z)", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[int, str, str]]:
    """Return each step's number, file and text."""
    return [(int(step["number"]), step["path"], step["text"]) for step in _STEP.finditer(PAGE.read_text())]


def test_at_most_fourteen_files_are_named_each_once_in_their_order() -> None:
    numbers, paths, _ = zip(*steps(), strict=True)
    assert numbers == tuple(range(1, len(paths) + 1))
    assert len(set(paths)) == len(paths) <= MOST_FILES
    assert sorted(re.findall(r"`([\w/]+\.py)`", PAGE.read_text())) == sorted(paths)
    assert [path for path in paths if not (ROOT / path).is_file()] == []


def test_every_name_in_a_step_is_in_its_file() -> None:
    unknown = {
        path: missing
        for _, path, text in steps()
        if (missing := [name for name in re.findall(r"`([\w.-]+)`", text) if name not in (ROOT / path).read_text()])
    }
    assert unknown == {}
