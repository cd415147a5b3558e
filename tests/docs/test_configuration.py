"""Every variable that is read stands in docs/configuration.md, with the default it has, and no other does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.papers import ROOT

PAGE = ROOT / "docs" / "configuration.md"
READERS = (ROOT / "config" / "settings.py", ROOT / "config" / "server.py", ROOT / "tests" / "database.py")
NAME = re.compile(r"GDMARKET_[A-Z_]+|OTEL_[A-Z_]+|DATABASE_URL|PYTHON")


def table() -> dict[str, str]:
    """Return each variable of the page and its default; "" where there is none."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", PAGE.read_text(), flags=re.MULTILINE)
    assert len(rows) == len(dict(rows)), "a variable stands twice"
    return {name: "" if default.startswith("*") else default.strip("`") for name, default in rows}


def reads(path: Path) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield each variable that a module reads, and its default."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).startswith(("env.", "os.environ.get")) and node.args:
            name, *default = node.args
            assert isinstance(name, ast.Constant)
            yield str(name.value), default[0] if default else None


def read_by_dev() -> set[str]:
    """Return the variables that ./dev takes from its caller."""
    return set(re.findall(r"\$\{(GDMARKET_[A-Z_]+|PYTHON):[-+]", (ROOT / "dev").read_text()))


def in_words(default: ast.expr | None) -> str:
    """Return a default as the page writes it."""
    if default is None:
        return ""
    written = ast.unparse(default)
    if written == "ROOT / 'var'":
        return "var"
    if written.startswith("logging."):
        return written.removeprefix("logging.")
    value = eval(written)  # our own settings
    if isinstance(value, list):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_every_variable_that_is_read_is_documented_and_no_other() -> None:
    read = {name for path in READERS for name, _default in reads(path) if NAME.fullmatch(name)} | read_by_dev()
    assert set(table()) == read


def test_the_documented_defaults_are_the_ones_in_the_code() -> None:
    page = table()
    wrong = {
        name: in_words(default)
        for path in READERS
        for name, default in reads(path)
        if NAME.fullmatch(name) and in_words(default).lower() != page[name].lower()
    }
    assert wrong == {}
