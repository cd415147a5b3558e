"""수입 as files: the same figures, for who may see them."""

import csv
import io
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import openpyxl
import pytest
import time_machine

from tests.factories.accounts import UserFactory
from tests.statements import refused_statements
from tests.unit.config.desk.earned import NOON, lend_for_two_months, open_income, reported

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture(autouse=True)
def in_november() -> Any:
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True, display_name="김민지")


def _file(person: Any, table: str, more: str = "") -> list[list[str]]:
    text = b"".join(open_income(person, f"export.csv?table={table}{more}")).decode("utf-8-sig")
    return list(csv.reader(text.splitlines()))


def test_the_tables_are_files_with_the_figures_of_money_report(manager: Any) -> None:
    lend_for_two_months(manager)
    heads = ["Payments", "Paid", "Given back", "Income", "Of it in cash", "To be paid out"]
    months = _file(manager, "months")
    assert months[0] == ["Month", *heads, "Currency"]
    for row in months[1:]:
        payments, earned, given_back, income, cash, net = map(int, row[1:7])
        assert (payments, earned, given_back, cash, net) == reported(manager, row[0])
        assert income == earned - given_back
    opened = ["Paid, rental not over", "Requested, not paid", "Currency"]
    items = _file(manager, "items", "&period=2026-11")
    assert items[0] == ["Item", "Category", "Item's id", *heads, *opened]
    assert [row[:2] + row[3:] for row in items[1:]] == [
        ["텐트", "Camping", "2", "57000", "4000", "53000", "3000", "50000", "0", "0", "KRW"],
        ["드릴", "Tools", "0", "0", "20000", "-20000", "0", "-20000", "0", "0", "KRW"],
    ]
    assert [row[0] for row in _file(manager, "categories")[1:]] == ["Camping", "Tools"]


def test_a_file_is_named_and_an_xlsx_opens(manager: Any) -> None:
    lend_for_two_months(manager)
    answer = open_income(manager, "export.xlsx?table=items&period=2026", language="ko")
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(answer))).active
    assert [[cell.value for cell in row][:2] for row in sheet] == [["물건", "분류"], ["텐트", "캠핑"], ["드릴", "공구"]]
    assert unquote(answer["Content-Disposition"]).endswith("수입 물건별 2026.xlsx")


@pytest.mark.parametrize("missing", ["status_view_", "items_item"])
def test_no_file_says_nothing_is_open_while_that_cannot_be_read(manager: Any, missing: str) -> None:
    lend_for_two_months(manager)

    with refused_statements(missing):
        answers = {table: open_income(manager, f"export.csv?table={table}") for table in ("months", "categories", "items")}
        months = b"".join(answers["months"])

    assert b"12345" in months
    assert {table: answer.status_code for table, answer in answers.items()} == {"months": 200, "categories": 503, "items": 503}
    assert "cannot be read at the moment" in answers["items"].content.decode()


def test_a_file_is_of_a_manager_and_of_a_table_that_there_is(manager: Any) -> None:
    assert open_income(UserFactory(operator=True), "export.csv").status_code == HTTPStatus.FORBIDDEN
    assert open_income(manager, "export.csv?table=people").status_code == HTTPStatus.NOT_FOUND
