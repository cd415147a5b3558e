"""The lists of items and rentals as files: what the filters keep, a manager's own, in pages."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from gdmarket.sheets import exporting
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db

ITEMS, RENTALS = "/admin/items/item/export", "/admin/rentals/rental/export"


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


@pytest.fixture
def desk(manager: Any, client: Client) -> Client:
    client.force_login(manager)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    return client


def _body(answer: Any) -> bytes:
    assert answer.status_code == 200
    return b"".join(answer.streaming_content)


def _rows(desk: Client, address: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(_body(desk.get(address)).decode("utf-8-sig"), newline="")))


def test_a_manager_downloads_own_items_alone(desk: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="=드릴", registered_at=datetime(2026, 11, 30, 15, 0, tzinfo=UTC))
    ItemFactory(name="남의 것")
    headings, *rows = _rows(desk, f"{ITEMS}.csv")
    assert headings[:7] == ["id", "코드", "이름", "분류", "설명", "하루 가격", "보증금"]
    assert "물건관리자" not in headings
    assert [row[:7] for row in rows] == [[str(item.pk), "", "'=드릴", "공구", "18 V, 배터리 두 개", "8000", "30000"]]
    assert rows[0][-3:] == ["등록됨", "대여 가능", "2026-12-01 00:00"]


def test_the_list_and_its_file_name_categories_in_the_reader_s_language(desk: Client, manager: Any) -> None:
    ItemFactory(manager_id=manager.pk)
    desk.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    assert '<td class="field-category_name">Tools</td>' in desk.get("/admin/items/item/").content.decode()
    assert [row[3] for row in _rows(desk, f"{ITEMS}.csv")] == ["category", "Tools"]


def test_a_download_keeps_what_the_list_is_narrowed_by(desk: Client, manager: Any) -> None:
    ItemFactory(manager_id=manager.pk, name="전동 드릴")
    ItemFactory(manager_id=manager.pk, name="드릴 세트", withdrawn=True)
    ItemFactory(manager_id=manager.pk, name="텐트")
    assert [row[2] for row in _rows(desk, f"{ITEMS}.csv?q=드릴&state__exact=listed&p=3")[1:]] == ["전동 드릴"]
    exports = desk.get("/admin/items/item/?q=드릴&state__exact=listed&p=1").context["exports"]
    assert exports["XLSX"] == f"{ITEMS}.xlsx?q=%EB%93%9C%EB%A6%B4&state__exact=listed"
    assert desk.get(f"{ITEMS}.csv?description__regex=x").status_code == 400
    assert desk.get(f"{ITEMS}.csv?registered_at__gte=nonsense").status_code in {302, 400}


def test_an_xlsx_of_items_opens(desk: Client, manager: Any) -> None:
    ItemFactory(manager_id=manager.pk, name="=드릴", latitude=37.5663)
    sheet = openpyxl.load_workbook(io.BytesIO(_body(desk.get(f"{ITEMS}.xlsx")))).active
    assert [cell.value for cell in sheet[2]][2:3] == ["=드릴"]
    assert 37.5663 in [cell.value for cell in sheet[2]]


def test_an_operator_downloads_all_with_their_managers(client: Client, manager: Any) -> None:
    ItemFactory(manager_id=manager.pk)
    ItemFactory()
    client.force_login(UserFactory(is_staff=True))
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "ko"
    headings, *rows = _rows(client, f"{ITEMS}.csv")
    assert headings[-1] == "물건관리자"
    assert manager.display_name in {row[-1] for row in rows}
    assert len(rows) == 2


def test_who_is_no_manager_downloads_nothing(client: Client) -> None:
    ItemFactory()
    for address in (f"{ITEMS}.csv", f"{RENTALS}.xlsx"):
        assert client.get(address).status_code == 302
    client.force_login(UserFactory())
    for address in (f"{ITEMS}.csv", f"{RENTALS}.xlsx"):
        assert client.get(address).status_code in {302, 403}


def test_a_manager_downloads_own_rentals_alone(desk: Client, manager: Any) -> None:
    renter = UserFactory(display_name="김이웃")
    rental = RentalFactory(manager_id=manager.pk, renter_id=renter.pk, item_name="전동 드릴")
    RentalFactory(item_name="남의 것")
    headings, row = _rows(desk, f"{RENTALS}.csv")
    assert headings[:7] == ["id", "물건", "대여자", "상태", "시작", "끝", "가격"]
    assert (row[0], row[1], row[2], row[6]) == (str(rental.pk), "전동 드릴", "김이웃", str(rental.price))


def test_pages_are_read_one_at_a_time_each_in_two_statements(
    desk: Client, manager: Any, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(7):
        RentalFactory(manager_id=manager.pk)
    monkeypatch.setattr(exporting, "PAGE", 3)
    answer: Any = desk.get(f"{RENTALS}.csv")
    with django_assert_num_queries(6):  # three pages, and the names of the people on each
        lines = b"".join(answer.streaming_content).decode().splitlines()
    assert len({line.split(",")[0] for line in lines}) == 8
