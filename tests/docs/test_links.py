"""What the pages point at is there."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, all_pages, anchors, blocks, links

_PATH = re.compile(r"`((?:apps|bench|config|docs|gdmarket|requirements|tests)/[\w./-]+)`")

_DEFINITION = re.compile(r"^ *(?:class|def) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("name", [str(page.relative_to(ROOT)) for page in all_pages()])
def test_every_link_leads_somewhere(name: str) -> None:
    page = ROOT / name
    broken = []
    for link in links(page):
        if re.match(r"https?://", link):
            continue
        address, _, anchor = link.partition("#")
        target = (page.parent / address).resolve() if address else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", [str(page.relative_to(ROOT)) for page in all_pages()])
def test_every_file_that_is_named_is_there(name: str) -> None:
    assert [path for path in _PATH.findall((ROOT / name).read_text()) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", [str(page.relative_to(ROOT)) for page in all_pages()])
def test_an_excerpt_of_code_defines_what_its_file_defines(name: str) -> None:
    for block in blocks(ROOT / name):
        if block.kind != "python":
            continue
        first, _, code = block.text.partition("\n")
        assert first.startswith("# "), f"an excerpt begins with the path of its file:\n{block.text}"
        assert set(_DEFINITION.findall(code)) <= set(_DEFINITION.findall((ROOT / first.removeprefix("# ")).read_text())), first


@pytest.mark.parametrize("korean", [page for page in all_pages() if page.name.endswith(".ko.md")], ids=lambda page: page.name)
def test_a_korean_page_has_the_blocks_of_the_english_one(korean: Path) -> None:
    english = korean.with_name(korean.name.replace(".ko.md", ".md"))
    assert [block for block in blocks(korean) if block.kind] == [block for block in blocks(english) if block.kind]


def test_every_decision_stands_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "adr"
    assert sorted({*links(folder / "README.md")}) == sorted(path.name for path in folder.glob("0*.md"))
