"""Importing items on the desk: what a file would do first, then doing it part by part."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from apps.items.models import Item
from apps.items.models.imports import ItemImport, ItemImportPart
from apps.items.services.importing import staging
from gdmarket.sheets import reading
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

PAGE = "/admin/items/item/import/"
HEADINGS = "코드,이름,분류,하루 가격,장소,위도,경도"
JSON = {"accept": "application/json"}


def _row(number: int, category: str = "공구") -> str:
    return f'A-{number},드릴 {number},{category},"1,000원",서울,37.5,127'


@pytest.fixture
def screens(manager: Any, client: Client) -> Client:
    client.force_login(manager)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    return client


def _send(screens: Client, *rows: str, name: str = "물건.csv") -> str:
    """Send a file and return the address of its page."""
    file = SimpleUploadedFile(name, "\r\n".join([HEADINGS, *rows]).encode("cp949"))
    answer = screens.post(PAGE, {"file": file})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_a_file_is_shown_before_anything_is_changed(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, code="A-1", name="낡은 드릴")
    page = _send(screens, _row(1), _row(2), _row(3, "공구류"))
    shown = screens.get(page).content.decode()
    assert "낡은 드릴" in shown
    assert "가장 가까운 것은 “공구”입니다" in shown
    assert [(kind, count) for kind, _label, count in screens.get(page).context["kinds"]] == [
        *(("new", 1), ("changed", 1), ("unchanged", 0), ("refused", 1))
    ]
    assert [row["number"] for row in screens.get(f"{page}?kind=refused").context["rows"]] == [4]
    item.refresh_from_db()
    assert (item.name, Item.objects.count()) == ("낡은 드릴", 1)


def test_rows_are_imported_part_by_part_and_each_once(screens: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "PART", 2)
    page = _send(screens, *map(_row, range(7)))
    assert screens.post(page, {"how": "rows"}, headers=JSON).json() == {"done": 4, "total": 7}
    assert screens.post(page, {"how": "rows"})["Location"] == page
    assert screens.post(page, {"how": "rows"}, headers=JSON).json() == {"done": 7, "total": 7}
    assert Item.objects.count() == 7
    assert LogEntry.objects.count() == 7
    assert "파일을 가져왔습니다" in screens.get(page).content.decode()


def test_what_is_refused_stands_beside_its_row_and_in_a_file(screens: Client, manager: Any) -> None:
    page = _send(screens, _row(1), _row(2), _row(3, "없는 것"))
    ItemFactory(manager_id=manager.pk, code="A-2")  # meanwhile
    screens.post(page, {"how": "rows"})
    assert list(Item.objects.order_by("code").values_list("code", flat=True)) == ["A-1", "A-2"]
    assert screens.get(page).context["kinds"][3][2] == 2
    answer: Any = screens.get(f"{page}errors.csv")
    rows = reading.read(raw=b"".join(answer.streaming_content))
    assert [row.cells[0] for row in rows] == ["행", "3", "4"]
    assert "코드" in rows[1].cells[3]


def test_all_or_nothing(screens: Client, manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    page = _send(screens, _row(1), _row(2))
    taken = ItemFactory(manager_id=manager.pk, code="A-2")  # meanwhile
    assert screens.get(page).context["may_be_whole"]
    screens.post(page, {"how": "whole"})
    assert list(Item.objects.values_list("pk", flat=True)) == [taken.pk]
    assert "3행이 거절되어" in screens.get(page).content.decode()
    Item.objects.filter(pk=taken.pk).update(code=None)
    screens.post(page, {"how": "whole"})
    screens.post(page, {"how": "whole"})
    assert Item.objects.count() == 3
    assert not ItemImport.objects.get().refusal
    monkeypatch.setattr(staging, "MOST_WHOLE", 1)
    page = _send(screens, _row(5), _row(6))
    assert not screens.get(page).context["may_be_whole"]
    screens.post(page, {"how": "whole"})
    assert Item.objects.count() == 3


def test_a_file_that_is_sent_twice_before_it_is_imported_is_imported_once(screens: Client) -> None:
    pages = [_send(screens, _row(1), _row(2)) for _turn in range(3)]
    for page, how in zip(pages, ("rows", "rows", "whole"), strict=True):
        screens.post(page, {"how": how})
    assert Item.objects.count() == LogEntry.objects.count() == 2
    for page in pages[1:]:
        counts = {kind: count for kind, _label, count in screens.get(page).context["kinds"]}
        assert counts == {"new": 0, "changed": 0, "unchanged": 2, "refused": 0}


def test_the_history_says_what_was_imported_from_what_to_what(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="낡은 드릴", code=None, daily_price=8_000, latitude=37.5, longitude=127.0, place="서울")
    file = SimpleUploadedFile("x.csv", f"id,코드,이름,분류,가격,위도,경도\n{item.pk},A-1,드릴,캠핑,9000,37.6,127".encode())
    screens.post(screens.post(PAGE, {"file": file})["Location"], {"how": "rows"})
    history = reverse("admin:items_item_history", args=[item.pk])
    [entry] = screens.get(history).context["action_list"]
    assert [tuple(line) for line in entry.lines] == [
        *(("코드", "–", "A-1"), ("이름", "낡은 드릴", "드릴"), ("분류", "공구", "캠핑"), ("하루 가격", "₩8,000", "₩9,000")),
        ("위도", "37.5", "37.6"),
    ]
    [entry] = screens.get(history, headers={"accept-language": "en"}).context["action_list"]
    assert entry.lines[2] == ("category", "Tools", "Camping")


def test_another_manager_s_file_is_not_there(screens: Client) -> None:
    page = _send(screens, _row(1))
    other = Client()
    other.force_login(UserFactory(item_manager=True))
    assert other.get(page).status_code == 404
    assert other.post(page, {"how": "rows"}).status_code == 404
    assert other.get(f"{page}errors.csv").status_code == 404
    operator = Client()
    operator.force_login(UserFactory(is_staff=True))
    assert operator.get(page).status_code == 403
    assert operator.post(PAGE, {}).status_code == 403
    assert not Item.objects.exists()


def test_what_cannot_be_read_is_said_on_the_page(screens: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_BYTES", 100)
    for raw in (b"%PDF\x80\x81\xff", b"a" * 101, b""):
        answer = screens.post(PAGE, {"file": SimpleUploadedFile("x.xlsx", raw)}, follow=True)
        assert answer.redirect_chain == [(PAGE, 302)]
        assert 'class="error"' in answer.content.decode()
    assert "파일을 고르십시오" in screens.post(PAGE, {}, follow=True).content.decode()
    assert not ItemImport.objects.exists()


def test_a_manager_s_newest_files_are_kept(screens: Client) -> None:
    pages = [_send(screens, _row(number)) for number in range(7)]
    assert ItemImport.objects.count() == ItemImportPart.objects.count() == 5
    assert screens.get(pages[0]).status_code == 404
    assert screens.get(pages[-1]).status_code == 200
    assert len(screens.get(PAGE).context["earlier"]) == 5


@pytest.mark.parametrize("part", ["0000012", "9" * 5_000, "3", "²", "-1"])
def test_a_part_that_is_not_there_is_the_first(screens: Client, part: str) -> None:
    page = _send(screens, _row(1))
    assert [row["number"] for row in screens.get(page, {"part": part}).context["rows"]] == [2]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_the_sample_can_be_imported(screens: Client, kind: str) -> None:
    answer: Any = screens.get(f"{PAGE}sample.{kind}")
    raw = b"".join(answer.streaming_content)
    page = screens.post(PAGE, {"file": SimpleUploadedFile(f"예시.{kind}", raw)})["Location"]
    screens.post(page, {"how": "whole"})
    assert Item.objects.count() == 2
    assert screens.get(f"{PAGE}sample.exe").status_code == 404


def test_a_forged_form_has_no_effect(screens: Client, manager: Any) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(manager)
    file = SimpleUploadedFile("x.csv", f"{HEADINGS}\n{_row(1)}".encode())
    assert strict.post(PAGE, {"file": file}).status_code == 403
    assert not ItemImport.objects.exists()


def test_the_list_leads_to_the_page(screens: Client) -> None:
    assert f'href="{PAGE}"' in screens.get("/admin/items/item/").content.decode()
    assert "multipart/form-data" in screens.get(PAGE).content.decode()
