"""What the code and its templates say to people, room by room, and the Korean they have for it."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
from django.utils.translation.template import templatize

from gdmarket.errors import DomainError

ROOT = Path(__file__).resolve().parent.parent.parent.parent
ROOMS = {
    "config": ROOT / "config",
    "gdmarket": ROOT / "gdmarket",
    **{context: ROOT / "apps" / context for context in ("accounts", "items", "rentals", "payments", "status_view")},
}
# gdmarket itself is no Django app; what it says stands in the catalogue of its one that speaks to people.
CATALOGUES = {room: folder / ("rest/locale" if room == "gdmarket" else "locale") / "ko/LC_MESSAGES" for room, folder in ROOMS.items()}
SPEAKERS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}


def catalogue(room: str) -> dict[str, polib.POEntry]:
    """Return a room's translated messages by their English."""
    path = CATALOGUES[room] / "django.po"
    return {entry.msgid: entry for entry in polib.pofile(str(path)).translated_entries()} if path.exists() else {}


def said_in(room: str) -> set[str]:
    """Return every message of a room's code and templates."""
    folder = ROOMS[room]
    code = {text for path in folder.rglob("*.py") if "migrations" not in path.parts for text in _said_in_code(path)}
    pages = {text for path in folder.rglob("*.html") for text in _said_in_page(path)}
    return code | pages


def refusals() -> Iterator[type[DomainError]]:
    """Yield every refusal of the house."""
    waiting: list[type[DomainError]] = [DomainError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.__module__.startswith(("apps.", "gdmarket.", "config.")):
            yield kind


def first_line(kind: type[DomainError]) -> str:
    """Return a refusal's message."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def _said_in_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            is_speaker = isinstance(node.func, ast.Name) and node.func.id in SPEAKERS
            # What a rental was wanted to do is part of the refusal.
            wanted = [keyword.value for keyword in node.keywords if keyword.arg == "wanted"]
            said = [*(node.args[:1] if is_speaker else []), *wanted]
            yield from (part.value for part in said if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _said_in_page(path: Path) -> Iterator[str]:
    for text in re.findall(r"""n?gettext\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", templatize(path.read_text())):
        yield str(ast.literal_eval(text))
