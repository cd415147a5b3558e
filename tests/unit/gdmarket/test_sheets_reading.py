"""Files as Korean Excel, Google Sheets and LibreOffice write them, and such as nobody should send."""

import io
import zipfile
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import openpyxl
import pytest

from gdmarket.sheets import Cell, reading, write
from gdmarket.sheets.errors import NotASheetError, SheetsBusyError, SheetTooLargeError
from gdmarket.sheets.reading import read

TEXT = "이름,하루 가격\r\n전동 드릴,12000\r\n똠방각하 펲시콜라,9000\r\n"
ROWS = [["이름", "하루 가격"], ["전동 드릴", "12000"], ["똠방각하 펲시콜라", "9000"]]
SHEET = "xl/worksheets/sheet1.xml"


def _cells(raw: bytes) -> list[list[str]]:
    return [list(row.cells) for row in read(raw=raw)]


def _book(*rows: list[Any], edit: Callable[[Any], None] | None = None) -> bytes:
    book = openpyxl.Workbook()
    sheet: Any = book.active
    for row in rows:
        sheet.append(row)
    if edit is not None:
        edit(sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _with(raw: bytes, *changes: tuple[str, str], part: str = SHEET) -> bytes:
    """Return an XLSX in which the texts of a part are replaced."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            for before, after in changes if name == part else ():
                assert before.encode() in text
                text = text.replace(before.encode(), after.encode(), 1)
            new.writestr(name, text)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
def test_a_csv_is_read_in_the_encodings_of_korean_excel(encoding: str) -> None:
    assert _cells(TEXT.encode(encoding)) == ROWS


@pytest.mark.parametrize(
    "text", [TEXT.replace("\r\n", "\r"), TEXT.replace("\r\n", "\n"), TEXT.replace(",", "\t"), "sep=;\r\n" + TEXT.replace(",", ";")]
)
def test_a_csv_is_read_with_other_marks(text: str) -> None:
    assert _cells(text.encode()) == ROWS


def test_a_cell_of_a_csv_may_hold_line_breaks_quotes_and_commas() -> None:
    assert _cells('이름,설명\r\n드릴,"18V, ""세트""\r\n두 줄"\r\n'.encode()) == [["이름", "설명"], ["드릴", '18V, "세트"\r\n두 줄']]


def test_rows_keep_their_numbers_and_blank_ones_are_left_out() -> None:
    rows = read(raw="이름,값\n\n드릴,1\n,,,\n텐트,2,,\n\n\n".encode())
    assert [(row.number, list(row.cells)) for row in rows] == [(1, ["이름", "값"]), (3, ["드릴", "1"]), (5, ["텐트", "2"])]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_what_we_write_is_read_as_it_was(kind: str) -> None:
    row: list[Cell] = ["=드릴 세트=", "'따옴표'", "+82 10-1234-5678", -5, 37.5663, date(2026, 12, 1), "_x0041_", "-선반"]
    raw = b"".join(write(kind=kind, title="물건", headings=["이름"], rows=[row]))
    assert _cells(raw)[1] == ["=드릴 세트=", "'따옴표'", "+82 10-1234-5678", "-5", "37.5663", "2026-12-01", "_x0041_", "-선반"]


def test_an_escape_of_what_no_text_can_hold_stays_as_it_is_written() -> None:
    raw = _with(_book(["a", "b"]), ("<t>a</t>", "<t>_x0000__xD800_</t>"), ("<t>b</t>", "<t>1_x000A_2_x005F_x0041_</t>"))
    assert _cells(raw) == [["_x0000__xD800_", "1\n2_x0041_"]]


def test_numbers_are_texts_without_a_fraction_that_is_zero() -> None:
    assert _cells(_book([12_000.0, 9_000.7, 37.566500000000002, True, None, "１２"])) == [
        ["12000", "9000.7", "37.5665", "TRUE", "", "１２"]
    ]


@pytest.mark.parametrize("number_format", [14, 27, 31, 36, 50, 57, 58])
def test_built_in_dates_of_korean_excel_are_dates(number_format: int) -> None:
    def as_date(sheet: Any) -> None:
        sheet["A1"].number_format = "yyyy\\-mm\\-dd"

    raw = _with(_book([46357], edit=as_date), ('numFmtId="164" fontId', f'numFmtId="{number_format}" fontId'), part="xl/styles.xml")
    assert _cells(raw) == [["2026-12-01"]]


def test_instants_are_written_to_the_minute() -> None:
    assert _cells(_book([datetime(2026, 12, 1, 9, 30)])) == [["2026-12-01 09:30"]]  # noqa: DTZ001  # Excel's have no zone


def test_a_sheet_that_says_it_is_smaller_is_read_whole() -> None:
    raw = _with(_book(["이름", "값"], ["드릴", 1]), ('<dimension ref="A1:B2"', '<dimension ref="A1"'))
    assert _cells(raw) == [["이름", "값"], ["드릴", "1"]]


def test_formatted_blank_rows_and_columns_are_no_rows() -> None:
    def format_far(sheet: Any) -> None:
        sheet["A1048576"].number_format = "0.00"
        sheet["XFD2"].number_format = "0.00"

    assert _cells(_book(["이름"], ["드릴"], edit=format_far)) == [["이름"], ["드릴"]]


def test_a_formula_has_its_result_or_is_unknown() -> None:
    raw = _book(["이름", "값"], ["드릴", "=1000*12"])
    (_headings, row) = read(raw=raw)
    assert (row.cells, row.unknown) == (("드릴", ""), frozenset({1}))
    assert _cells(_with(raw, ("<f>1000*12</f><v></v>", "<f>1000*12</f><v>12000</v>")))[1] == ["드릴", "12000"]
    (_headings, row) = read(raw=_book(["이름", "값"], ["드릴", "#REF!"]))
    assert row.unknown == {1}


def test_the_first_sheet_that_is_shown_is_read() -> None:
    def hide(sheet: Any) -> None:
        sheet.sheet_state = "hidden"
        sheet.parent.create_sheet("물건").append(["이름"])

    assert _cells(_book(["숨김"], edit=hide)) == [["이름"]]


@pytest.mark.parametrize(
    "raw",
    [
        *(
            b"",
            b"   \n,,\n",
            b"<html><table><tr><td>1</table>",
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600,
            b"%PDF-1.7\n\x80\x81\xff",
        ),
        *(b"PK\x03\x04garbage", b"\xff\xfea", b"a,b\0c\n", _with(_book(["a"]), ("<sheetData>", "<sheetData><row"))),
    ],
)
def test_what_is_no_table_is_refused(raw: bytes) -> None:
    with pytest.raises(NotASheetError):
        read(raw=raw)


def test_a_zip_without_a_workbook_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(NotASheetError):
        read(raw=out.getvalue())


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO(_book(["a"]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet9.xml", b" " * (65 * 2**20))
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    with pytest.raises(SheetTooLargeError):
        read(raw=out.getvalue())
    styles = io.BytesIO()
    with zipfile.ZipFile(styles, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/styles.xml", b" " * (5 * 2**20))
    with pytest.raises(SheetTooLargeError):
        read(raw=styles.getvalue())


@pytest.mark.parametrize("rows", ["<row>" + "<c/>" * 1_000_001 + "</row>", "<row><c/></row>" * 100_001, "<row><b/></row>" * 1_400_000])
def test_more_cells_than_may_be_are_not_parsed(rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _with(_book(["a"]), ("</sheetData>", f"{rows}</sheetData>"))
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    with pytest.raises(SheetTooLargeError):
        read(raw=raw)


def test_entities_are_not_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = _with(_book(["a"]), ("<worksheet", '<!DOCTYPE worksheet [<!ENTITY a "<c/><c/>">]><worksheet'))
    monkeypatch.setattr(openpyxl, "load_workbook", None)
    with pytest.raises(NotASheetError):
        read(raw=raw)


def test_a_file_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_MOST_S", -1.0)
    with pytest.raises(SheetTooLargeError):
        read(raw=_book(["a"]))


def test_one_file_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_BUSY_S", 0.01)
    with reading._one_at_a_time, pytest.raises(SheetsBusyError):  # as another thread has it
        read(raw=TEXT.encode())
    assert _cells(TEXT.encode()) == ROWS


def test_a_row_that_says_it_is_far_away_ends_the_reading() -> None:
    with pytest.raises((SheetTooLargeError, NotASheetError)):
        read(raw=_with(_book(["a"], ["b"]), ('<row r="2"', '<row r="99999999999"'), ('r="A2"', 'r="A99999999999"')))


def test_more_rows_or_bytes_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 2)
    assert len(read(raw=TEXT.encode())) == 3
    for raw in (TEXT.encode() + b"a,1\n", _book(*[["a"]] * 4)):
        with pytest.raises(SheetTooLargeError):
            read(raw=raw)
    with pytest.raises(SheetTooLargeError):
        read(raw=b"a" * (reading.MOST_BYTES + 1))
