"""Tables as CSV and XLSX: read back by other programs' rules, calculated by none."""

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest

from gdmarket.sheets import Cell, download, write, writing

HEADINGS = ["이름", "하루 가격", "시작", "날", "빈 칸"]
ROW: list[Cell] = ['전동 드릴, 18V "세트"\n배터리 두 개', 12_000, datetime(2026, 11, 30, 15, 30, tzinfo=UTC), date(2026, 12, 1), None]
FORMULAS = [
    *("=1+1", "=cmd|' /C calc'!A0", "@SUM(A1)", "+cmd|'!A0", "-cmd", " =1", "\t=1", "\r=1", "＝1+1", "＠a"),
    *("-2+3+cmd|'!A0", "+A1", "-선반", "-"),
]
HARMLESS = [
    *("+82 10-1234-5678", "+821012345678", "-5", "+5", "-1,000", "-3.5", "+(82) 10", "a=b", "드릴 -선반"),
    *("'따옴표'", "1+1"),
]


def _written(kind: str, *rows: list[Cell]) -> bytes:
    return b"".join(write(kind=kind, title="물건", headings=HEADINGS, rows=rows))


def _csv(*rows: list[Cell]) -> list[list[str]]:
    return list(csv.reader(io.StringIO(_written("csv", *rows).decode("utf-8-sig"), newline="")))


def _sheet(*rows: list[Cell]) -> Any:
    return openpyxl.load_workbook(io.BytesIO(_written("xlsx", *rows))).active


def test_a_csv_is_utf_8_with_a_mark_and_the_line_ends_of_windows() -> None:
    raw = _written("csv", ROW)
    assert raw.startswith("\ufeff이름,하루 가격".encode())
    assert raw.endswith(b",\r\n")
    assert _csv(ROW) == [HEADINGS, [ROW[0], "12000", "2026-12-01 00:30", "2026-12-01", ""]]


def test_an_xlsx_has_typed_cells() -> None:
    sheet = _sheet(ROW)
    assert sheet.title == "물건"
    assert [cell.value for cell in sheet[1]] == HEADINGS
    assert [cell.value for cell in sheet[2]] == [ROW[0], 12_000, datetime(2026, 12, 1, 0, 30), datetime(2026, 12, 1), None]  # noqa: DTZ001  # Excel's have no zone
    assert [cell.number_format for cell in sheet[2]][1:4] == ["#,##0", r"yyyy\-mm\-dd\ hh:mm", r"yyyy\-mm\-dd"]
    assert sheet.freeze_panes == "A2"


@pytest.mark.parametrize("text", FORMULAS)
def test_a_text_like_a_formula_is_not_calculated(text: str) -> None:
    assert _csv([text])[1] == [f"'{text}"]
    cell = _sheet([text])["A2"]
    assert (cell.data_type, cell.value) == ("s", text.replace("\r", "\n"))


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_and_phone_numbers_are_not_spoiled(text: str) -> None:
    assert _csv([text])[1] == [text]
    assert _sheet([text])["A2"].value == text


def test_a_negative_number_is_a_number() -> None:
    assert _csv([-5])[1] == ["-5"]
    assert _sheet([-5])["A2"].value == -5


def test_what_xml_cannot_hold_is_replaced_and_what_looks_escaped_is_not_read_as_that() -> None:
    sheet = _sheet(["a\x00b\ud800", "_x0041_ <&> ]]>"])
    assert sheet["A2"].value == "a\ufffdb\ufffd"
    with zipfile.ZipFile(io.BytesIO(_written("xlsx", ["_x0041_ <&>"]))) as archive:
        assert archive.testzip() is None
        assert "_x005F_x0041_ &lt;&amp;&gt;" in archive.read("xl/worksheets/sheet1.xml").decode()
    assert _csv(["\ud800"])[1] == ["?"]


def test_a_sheet_s_name_is_one_that_excel_takes() -> None:
    raw = b"".join(write(kind="xlsx", title="'대여: 2026/12 [모두] " + "가" * 40, headings=["a"], rows=[]))
    assert openpyxl.load_workbook(io.BytesIO(raw)).sheetnames == [("대여  2026 12  모두  " + "가" * 40)[:30]]


@pytest.mark.parametrize("kind", writing.TYPES)
def test_it_is_written_while_it_is_read(kind: str) -> None:
    read = []

    def rows() -> Iterator[list[Cell]]:
        for number in range(20_000):
            read.append(number)
            yield [f"물건 {number} " + "가" * 20, number]

    pieces = write(kind=kind, title="물건", headings=["이름", "값"], rows=rows())
    next(pieces)
    assert len(read) < 3_000
    assert max(map(len, pieces)) < 256 * 1024
    assert len(read) == 20_000


def test_a_file_that_would_be_cut_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "MOST_ROWS", 3)
    assert len(_written("xlsx", ROW, ROW)) > 0
    with pytest.raises(ValueError, match="at most 3 rows"):
        _written("xlsx", ROW, ROW, ROW)


def test_a_sheet_too_long_for_excel_breaks_off(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = len(_written("xlsx", ROW, ROW))
    monkeypatch.setattr(writing, "MOST_BYTES", 1_000)
    assert len(_written("xlsx", ROW, ROW)) == whole
    with pytest.raises(ValueError, match="at most 1000 bytes"):
        _written("xlsx", *[ROW] * 10)


def test_a_download_has_its_korean_name() -> None:
    answer = download(kind="csv", name="물건 2026-12-01", headings=["이름"], rows=[["드릴"]])
    assert answer["Content-Disposition"] == "attachment; filename*=utf-8''%EB%AC%BC%EA%B1%B4%202026-12-01.csv"
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Cache-Control"] == "private, no-store"
    assert b"".join(answer) == "\ufeff이름\r\n드릴\r\n".encode()
