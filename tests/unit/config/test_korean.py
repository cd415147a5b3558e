"""Every word that people read is there in Korean."""

import polib
import pytest
from django.utils import translation

from apps.accounts.errors import EmailTakenError
from apps.items import errors as items
from apps.rentals.errors import WrongStateError
from gdmarket.errors import DomainError
from tests.unit.config.words import CATALOGUES, ROOMS, catalogue, first_line, refusals, said_in


@pytest.mark.parametrize("room", ROOMS)
def test_every_message_of_a_room_has_a_korean_one(room: str) -> None:
    assert said_in(room) - set(catalogue(room)) == set()


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_compiled_is_what_is_written(room: str) -> None:
    written, compiled = polib.pofile(f"{CATALOGUES[room]}/django.po"), polib.mofile(f"{CATALOGUES[room]}/django.mo")
    assert {entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in compiled} == {
        entry.msgid: (entry.msgstr, entry.msgstr_plural) for entry in written
    }


def test_one_english_word_has_one_korean_word_in_every_room() -> None:
    """Django merges the catalogues into one: the first room would speak for all."""
    korean: dict[str, set[str]] = {}
    for room in ROOMS:
        for english, entry in catalogue(room).items():
            korean.setdefault(english, set()).add(entry.msgstr or str(entry.msgstr_plural))
    assert {english: words for english, words in korean.items() if len(words) > 1} == {}


def test_every_refusal_has_a_korean_message_that_names_the_same_details() -> None:
    with translation.override("ko"):
        mute = [kind.__name__ for kind in refusals() if translation.gettext(first_line(kind)) == first_line(kind)]
    assert mute == []


@pytest.mark.parametrize(
    ("refusal", "message"),
    [
        (EmailTakenError(), "이 이메일 주소로 이미 가입되어 있습니다."),
        (items.ItemNotFoundError(), "그런 물건이 없습니다."),
        (items.VersionMismatchError(version=3), "그사이 다른 사람이 물건을 고쳤습니다. 지금은 버전 3입니다."),
        (WrongStateError(state="requested", wanted="hand over"), "‘요청됨’ 상태인 대여에는 할 수 없습니다: 건네주기."),
    ],
)
def test_a_refusal_speaks_korean_to_koreans(refusal: DomainError, message: str) -> None:
    with translation.override("ko"):
        assert refusal.message == message
