"""docs/reference/settings.md, written from the code: `python -m tests.docs.configuration`, or `./dev docs`.

A variable is documented where it is read, in a comment that begins with `#:` right above the line or the statement. Its
name, type, default and bounds are those of the call. The headings are the code's own (`# -- Payments ---`). `./dev`, which is no Python,
says the name too: `#: PYTHON: …`.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "settings.md"
SETTINGS, SERVER = ROOT / "config" / "settings.py", ROOT / "config" / "server.py"
DEVELOPERS = "For developers"
# A variable whose name begins so is ours, and must be documented where it is read.
NAME = re.compile(r"(?:GDMARKET|OTEL|PROMETHEUS)_[A-Z_]+|DATABASE_URL|PYTHON")
_COMMENT = re.compile(r"^( *)#: ?(.*)$")
_HEADING = re.compile(r"^# -- (.+?) -*$")
_SHELL = re.compile(r"\$\{(?P<name>[A-Z_]+):(?:\+|-(?P<default>[^}$]*))")
_COMMENT_IN_DEV = re.compile(r"^ *#: (?P<name>[A-Z_]+): (?P<meaning>.+)$", re.MULTILINE)
_TYPES = {
    "bool": "true or false",
    "dict": "pairs",
    "dj_cache_url": "URL",
    "float": "number",
    "int": "whole number",
    "list": "list",
    "log_level": "word",
    "path": "path",
    "str": "text",
}
_HEAD = """# Settings

<!-- Written by `./dev docs` from the comments beside each setting: change those, not this page. -->

Everything is set by environment variables; there is no other file. `./dev run` and `./dev manage` choose good values for one machine, so
that nothing has to be set to try things out. A deployment sets at least `GDMARKET_SECRET_KEY`, `DATABASE_URL`, `GDMARKET_ALLOWED_HOSTS` and
`GDMARKET_HTTPS`; `manage.py doctor --deploy` says [what else it lacks](commands.md#the-doctor).

The variables are read in [`config/settings.py`](../../config/settings.py), unless said otherwise below. A value that makes no sense stops
the start, with a sentence that names it. Lists are comma-separated; booleans are `true` or `false`.
"""
_NOTES = {
    "The server": "Read by [`config/server.py`](../../config/server.py), which is gunicorn's configuration.",
    DEVELOPERS: "Read by `./dev` and the tests.",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Variable:
    """One variable of the page; `meaning` is empty where it is read and not documented."""

    name: str
    heading: str
    kind: str
    default: str
    meaning: str
    place: str


def variables() -> list[Variable]:
    """Return every documented variable, in the page's order.

    :raises ValueError: if one is read and documented nowhere, or documented twice
    """
    read = [*_in_python(SETTINGS), *_in_python(SERVER, heading="The server")]
    for path in sorted((ROOT / "tests").rglob("*.py")):
        read += _in_python(path, heading=DEVELOPERS)
    read += _in_dev()
    documented = [variable for variable in read if variable.meaning]
    names = [variable.name for variable in documented]
    twice = sorted({name for name in names if names.count(name) > 1})
    undocumented = sorted({f"{variable.name} ({variable.place})" for variable in read if variable.name not in names})
    if twice or undocumented:
        raise ValueError(f"Documented twice: {twice}. Read and documented nowhere (a comment that begins with #: does it): {undocumented}.")
    return documented


def page() -> str:
    """Return the page."""
    parts, heading = [_HEAD], ""
    for variable in variables():
        if variable.heading != heading:
            heading = variable.heading
            note = f"{_NOTES[heading]}\n\n" if heading in _NOTES else ""
            parts.append(f"\n## {heading}\n\n{note}| variable | what it takes | default | meaning |\n|---|---|---|---|\n")
        parts.append(f"| `{variable.name}` | {variable.kind} | {variable.default} | {variable.meaning} |\n")
    return "".join(parts)


def _in_python(path: Path, *, heading: str = "") -> Iterator[Variable]:
    """Yield what a module reads and could do without."""
    lines = path.read_text().splitlines()
    for statement, call in _reads(ast.parse("\n".join(lines))):
        yield Variable(
            name=call.args[0].value,  # type: ignore[attr-defined]  # a constant, or it would not be here
            heading=heading or _heading_above(lines, call.lineno),
            kind=_kind(call),
            default=_default(call),
            meaning=_comment_above(lines, call.lineno) or _comment_above(lines, statement.lineno),
            place=f"{path.relative_to(ROOT)}:{call.lineno}",
        )


def _reads(tree: ast.Module) -> list[tuple[ast.stmt, ast.Call]]:
    """Return each call that reads a variable, with the innermost statement it is part of, as they stand."""
    found: dict[ast.Call, ast.stmt] = {}
    for statement in ast.walk(tree):  # from the outside in
        if isinstance(statement, ast.stmt):
            found |= {node: statement for node in ast.walk(statement) if isinstance(node, ast.Call) and _is_read(node)}
    return sorted(((statement, call) for call, statement in found.items()), key=lambda read: read[1].lineno)


def _is_read(call: ast.Call) -> bool:
    if not (ast.unparse(call.func).startswith(("env.", "os.environ.get")) and call.args and isinstance(call.args[0], ast.Constant)):
        return False
    return NAME.fullmatch(str(call.args[0].value)) is not None


def _comment_above(lines: list[str], number: int) -> str:
    words: list[str] = []
    while number > 1 and (documented := _COMMENT.match(lines[number - 2])):
        words.insert(0, documented[2])
        number -= 1
    return " ".join(words).strip()


def _heading_above(lines: list[str], number: int) -> str:
    headings = (found[1] for line in reversed(lines[:number]) if (found := _HEADING.match(line)))
    return next(headings)


def _kind(node: ast.Call) -> str:
    kind = _TYPES.get(getattr(node.func, "attr", ""), "text")
    bounds = next((_bounds(keyword.value) for keyword in node.keywords if keyword.arg == "validate"), "")
    return bounds if bounds.startswith("`") else f"{kind}{bounds}"


def _bounds(validators: ast.expr) -> str:
    for check in validators.elts if isinstance(validators, ast.List) else [validators]:
        if not isinstance(check, ast.Call):
            continue
        values: list[Any] = [ast.literal_eval(value) for value in (*check.args, *(keyword.value for keyword in check.keywords))]
        match ast.unparse(check.func), values:
            case "validate.OneOf", [choices]:
                return ", ".join(f"`{choice}`" for choice in choices)
            case "validate.Range", [least]:
                return f", {least} or more"
            case "validate.Range", [least, most]:
                return f", {least} to {most}"
    return ""


def _default(node: ast.Call) -> str:
    given = next((keyword.value for keyword in node.keywords if keyword.arg == "default"), None)
    if len(node.args) > 1:
        given = node.args[1]
    if given is None:
        is_optional = any(keyword.arg is None for keyword in node.keywords) or ast.unparse(node.func) == "os.environ.get"
        return "*none*" if is_optional else "*required*"
    written = ast.unparse(given)
    if found := re.fullmatch(r"ROOT / '(\w+)'|logging\.(\w+)", written):
        return f"`{found[1] or found[2]}`"
    return _in_words(eval(written))  # our own settings


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        value = [f"{name}={of}" for name, of in value.items()]
    text = ",".join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else str(value)
    return "*none*" if text in {"", "None"} else f"`{text}`"


def _in_dev() -> Iterator[Variable]:
    """Yield what ./dev takes from its caller for itself; what it passes on to the market is documented there."""
    source = (ROOT / "dev").read_text()
    defaults = {found["name"]: found["default"] for found in _SHELL.finditer(source)}
    documented = {found["name"] for found in _COMMENT_IN_DEV.finditer(source)}
    for name in sorted({name for name in defaults if name.startswith("GDMARKET_TEST_")} - documented):
        yield Variable(name=name, heading=DEVELOPERS, kind="text", default="", meaning="", place="dev")
    for comment in _COMMENT_IN_DEV.finditer(source):
        name = comment["name"]
        yield Variable(
            name=name,
            heading=DEVELOPERS,
            kind="text",
            default=_in_words(defaults[name]),
            meaning=comment["meaning"],
            place=f"dev:{source.count(chr(10), 0, comment.start()) + 1}",
        )


if __name__ == "__main__":
    PAGE.write_text(page())
