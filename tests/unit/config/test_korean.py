"""Every message of the code and the templates has a Korean translation."""

import ast
import inspect
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polib
import pytest
from django import forms
from django.core import validators
from django.test import Client
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation.template import templatize
from rest_framework import exceptions, serializers

from apps.accounts.errors import EmailTakenError
from apps.items import errors as items
from apps.rentals.errors import WrongStateError
from gdmarket.errors import DomainError
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

ROOT = Path(__file__).resolve().parent.parent.parent.parent
FOLDERS = {
    "config": ROOT / "config",
    "gdmarket": ROOT / "gdmarket",
    **{context: ROOT / "apps" / context for context in ("accounts", "items", "rentals", "payments", "status_view")},
}
# gdmarket itself is no Django app: its messages are in the catalogue of gdmarket.rest.
CATALOGUES = {name: folder / ("rest/locale" if name == "gdmarket" else "locale") / "ko/LC_MESSAGES" for name, folder in FOLDERS.items()}
GETTEXT = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}


def catalogue(name: str) -> dict[str, polib.POEntry]:
    """Return a catalogue's translated messages by their English."""
    path = CATALOGUES[name] / "django.po"
    return {entry.msgid: entry for entry in polib.pofile(str(path)).translated_entries()} if path.exists() else {}


def messages_in(name: str) -> set[str]:
    """Return every message of the code and templates that a catalogue covers."""
    folder = FOLDERS[name]
    code = {text for path in folder.rglob("*.py") if "migrations" not in path.parts for text in _messages_in_code(path)}
    pages = {text for path in folder.rglob("*.html") for text in _messages_in_page(path)}
    return code | pages


def error_classes() -> Iterator[type[DomainError]]:
    """Yield every error class of the product."""
    waiting: list[type[DomainError]] = [DomainError]
    while waiting:
        kind = waiting.pop()
        waiting.extend(kind.__subclasses__())
        if kind.__module__.startswith(("apps.", "gdmarket.", "config.")):
            yield kind


def first_line(kind: type[DomainError]) -> str:
    """Return an error class's message."""
    return (kind.__doc__ or "").strip().splitlines()[0]


def _messages_in_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            is_gettext = isinstance(node.func, ast.Name) and node.func.id in GETTEXT
            # `wanted` becomes part of an error message.
            wanted = [keyword.value for keyword in node.keywords if keyword.arg == "wanted"]
            messages = [*(node.args[:1] if is_gettext else []), *wanted]
            yield from (part.value for part in messages if isinstance(part, ast.Constant) and isinstance(part.value, str))


def _messages_in_page(path: Path) -> Iterator[str]:
    for text in re.findall(r"""n?gettext\(u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", templatize(path.read_text())):
        yield str(ast.literal_eval(text))


@pytest.mark.parametrize("name", FOLDERS)
def test_every_message_is_translated(name: str) -> None:
    assert messages_in(name) - set(catalogue(name)) == set()


@pytest.mark.parametrize(("name", "domain"), [*((name, "django") for name in FOLDERS), ("config", "djangojs")])
def test_the_compiled_catalogue_is_up_to_date(name: str, domain: str) -> None:
    written, compiled = polib.pofile(f"{CATALOGUES[name]}/{domain}.po"), polib.mofile(f"{CATALOGUES[name]}/{domain}.mo")
    assert {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in compiled} == {
        entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in written
    }


def test_a_message_has_one_translation_in_all_catalogues() -> None:
    """Django merges the catalogues into one: the first would be used for all."""
    korean: dict[str, set[str]] = {}
    for name in FOLDERS:
        for english, entry in catalogue(name).items():
            korean.setdefault(english, set()).add(entry.msgstr or str(entry.msgstr_plural))
    assert {english: words for english, words in korean.items() if len(words) > 1} == {}


def test_every_error_message_is_translated() -> None:
    with translation.override("ko"):
        untranslated = [kind.__name__ for kind in error_classes() if translation.gettext(first_line(kind)) == first_line(kind)]
    assert untranslated == []


def messages_of_the_frameworks() -> Iterator[str]:
    """Yield what Django and REST framework may answer about a field or a request, in the language in force."""
    for module, base in ((serializers, serializers.Field), (forms, forms.Field), (exceptions, exceptions.APIException)):
        for _name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, base):
                yield from map(str, getattr(kind, "default_error_messages", {}).values())
                yield str(getattr(kind, "default_detail", ""))
    yield from (str(kind.message) for _name, kind in inspect.getmembers(validators, inspect.isclass) if hasattr(kind, "message"))


def test_no_korean_message_of_the_frameworks_has_an_english_word() -> None:
    """Their own translations leave such words as blank, null, datetime and slug in the sentence."""
    names = {"Accept", "IPv4", "IPv6", "JSON", "URL", "UUID"}
    with translation.override("ko"):
        messages = {text for text in messages_of_the_frameworks() if text}
    assert len(messages) > 50
    assert {
        text for text in messages if set(re.findall(r"[A-Za-z][A-Za-z0-9]+", re.sub(r"%\(\w+\)[sd]|\{[\w.]*\}", "", text))) - names
    } == set()


@pytest.mark.django_db
def test_the_admin_speaks_of_a_list_as_people_do() -> None:
    manager: Any = UserFactory(item_manager=True)
    item = ItemFactory(manager_id=manager.pk)
    browser = Client(headers={"accept-language": "ko"})
    browser.force_login(manager)
    assert "물건 1\n" in browser.get("/admin/items/item/").content.decode()
    assert json.dumps("%(cnt)s개 가운데 %(sel)s개 선택") in browser.get("/admin/jsi18n/").content.decode()
    page = browser.get(f"/admin/items/item/withdraw/?item={item.id}").content.decode()
    assert "목록으로" in page
    assert "돌려주세요" not in page


def test_a_korean_date_and_time_has_the_half_of_the_day_before_the_hour() -> None:
    with translation.override("ko"):
        assert date_format(datetime(2026, 12, 10, 0, 30, tzinfo=UTC), "DATETIME_FORMAT") == "2026년 12월 10일 오전 12:30"


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (EmailTakenError(), "이 이메일 주소로 이미 가입되어 있습니다."),
        (items.ItemNotFoundError(), "그런 물건이 없습니다."),
        (items.VersionMismatchError(version=3), "그사이 다른 사람이 물건을 고쳤습니다. 지금은 버전 3입니다."),
        (WrongStateError(state="requested", wanted="hand over"), "‘요청됨’ 상태인 대여에는 할 수 없습니다: 건네주기."),
    ],
)
def test_an_error_message_is_korean_in_a_korean_request(refusal: DomainError, message: str) -> None:
    with translation.override("ko"):
        assert refusal.message == message
