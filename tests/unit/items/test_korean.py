"""Every word of items that people read is there in Korean."""

import re
from pathlib import Path

import polib
import pytest
from django.utils import translation

import apps.items
from apps.items import errors
from gdmarket.errors import DomainError

ROOT = Path(apps.items.__file__).parent
CATALOGUE = ROOT / "locale/ko/LC_MESSAGES/django"


def _said() -> set[str]:
    """Return every message in the code and the templates of items."""
    code = "\n".join(path.read_text() for path in ROOT.rglob("*.py"))
    pages = "\n".join(path.read_text() for path in ROOT.rglob("*.html"))
    return {
        *re.findall(r"""\b_\(\s*"([^"]+)"\)""", code),
        *re.findall(r"""\bngettext\("([^"]+)",""", code),
        *re.findall(r"""{% translate ["']([^"']+)["'] %}""", pages),
        *((kind.__doc__ or "") for kind in vars(errors).values() if isinstance(kind, type) and kind.__module__ == errors.__name__),
    } - {"Home"}


def test_every_message_has_a_korean_one() -> None:
    translated = {entry.msgid for entry in polib.pofile(f"{CATALOGUE}.po").translated_entries()}
    assert _said() - translated == set()


def test_what_is_compiled_is_what_is_written() -> None:
    written, compiled = polib.pofile(f"{CATALOGUE}.po"), polib.mofile(f"{CATALOGUE}.mo")
    assert {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in compiled} == {
        entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in written
    }


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (errors.ItemNotFoundError(), "그런 물건이 없습니다."),
        (errors.VersionMismatchError(version=3), "그사이 다른 사람이 물건을 고쳤습니다. 지금은 버전 3입니다."),
    ],
)
def test_a_refusal_speaks_korean_to_koreans(refusal: DomainError, message: str) -> None:
    with translation.override("ko"):
        assert refusal.message == message
