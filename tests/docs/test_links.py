"""What the papers point at is there."""

import re

import pytest

from tests.docs.papers import ROOT, anchors, blocks, links, papers

_PATH = re.compile(r"`((?:apps|bench|config|docs|gdmarket|requirements|tests)/[\w./-]+)`")


@pytest.mark.parametrize("name", [str(paper.relative_to(ROOT)) for paper in papers()])
def test_every_link_leads_somewhere(name: str) -> None:
    paper = ROOT / name
    broken = []
    for link in links(paper):
        if re.match(r"https?://", link):
            continue
        address, _, anchor = link.partition("#")
        target = (paper.parent / address).resolve() if address else paper
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("name", [str(paper.relative_to(ROOT)) for paper in papers()])
def test_every_file_that_is_named_is_there(name: str) -> None:
    assert [path for path in _PATH.findall((ROOT / name).read_text()) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("name", [str(paper.relative_to(ROOT)) for paper in papers()])
def test_every_excerpt_of_code_stands_in_its_file(name: str) -> None:
    for block in blocks(ROOT / name):
        if block.kind != "python":
            continue
        first, *lines = block.text.splitlines()
        assert first.startswith("# "), f"an excerpt begins with the path of its file:\n{block.text}"
        code = (ROOT / first.removeprefix("# ")).read_text()
        assert [line for line in lines if line.strip() not in {"", "…"} and line.strip() not in code] == [], first


def test_both_languages_of_the_readme_show_the_same() -> None:
    english, korean = ROOT / "README.md", ROOT / "README.ko.md"
    assert [block for block in blocks(english) if block.kind] == [block for block in blocks(korean) if block.kind]
    assert {link.replace(".ko.md", ".md") for link in links(english)} == {link.replace(".ko.md", ".md") for link in links(korean)}
    assert english.read_text().count("\n## ") == korean.read_text().count("\n## ")


def test_every_decision_stands_in_the_list_of_decisions() -> None:
    folder = ROOT / "docs" / "adr"
    assert sorted({*links(folder / "README.md")}) == sorted(path.name for path in folder.glob("0*.md"))
