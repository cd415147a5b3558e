"""docs/reference/settings.md is what the code says of its variables, and the code says something of each."""

import ast
import shutil
from pathlib import Path

import pytest

from tests.docs import configuration
from tests.docs.configuration import PAGE, variables
from tests.docs.pages import ROOT


def test_the_page_is_as_the_code_writes_it() -> None:
    assert PAGE.read_text() == configuration.page(), "run ./dev docs"


def test_every_variable_that_is_read_is_documented_once() -> None:
    names = [variable.name for variable in variables()]
    assert len(names) == len(set(names))
    assert {"DATABASE_URL", "GDMARKET_SECRET_KEY", "GDMARKET_WORKERS", "GDMARKET_RELAY", "GDMARKET_TEST_SEED", "PYTHON"} <= set(names)


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('env.str("GDMARKET_X", "a", validate=validate.OneOf(["a", "b"]))', ("`a`, `b`", "`a`")),
        ('env.int("GDMARKET_X", 2 * 60, validate=validate.Range(min=1, max=9000))', ("whole number, 1 to 9000", "`120`")),
        ('env.int("GDMARKET_X", 0, validate=validate.Range(min=0))', ("whole number, 0 or more", "`0`")),
        ('env.bool("GDMARKET_X", False)', ("true or false", "`false`")),
        ('env.list("GDMARKET_X", ["a", "b"])', ("list", "`a,b`")),
        ('env.dict("GDMARKET_X", {"a": "1", "b": "2"})', ("pairs", "`a=1,b=2`")),
        ('env.str("GDMARKET_X", **_secret_of("toss"))', ("text", "*none*")),
        ('env.str("GDMARKET_X", validate=validate.Length(min=1))', ("text", "*required*")),
        ('os.environ.get("GDMARKET_X", "")', ("text", "*none*")),
    ],
)
def test_type_bounds_and_default_are_those_of_the_call(line: str, shown: tuple[str, str]) -> None:
    call = ast.parse(line, mode="eval").body
    assert isinstance(call, ast.Call)
    assert (configuration._kind(call), configuration._default(call)) == shown


def test_an_undocumented_variable_is_reported_with_its_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "somewhere.py").write_text('import os\n\nSHY = os.environ.get("GDMARKET_SHY")\n')
    shutil.copy(ROOT / "dev", tmp_path)
    for name in ("SETTINGS", "SERVER"):
        copy = tmp_path / f"{name}.py"
        copy.write_text(getattr(configuration, name).read_text())
        monkeypatch.setattr(configuration, name, copy)
    monkeypatch.setattr(configuration, "ROOT", tmp_path)

    with pytest.raises(ValueError, match=r"Read and documented nowhere.*GDMARKET_SHY \(tests/somewhere\.py:3\)"):
        configuration.page()
