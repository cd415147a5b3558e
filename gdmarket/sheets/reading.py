"""Reading tables as Korean Excel, Google Sheets and LibreOffice write them: every cell becomes a text.

What is read is bounded in bytes before it is unpacked, and in cells before it is parsed. One file is read at a time in a process.
"""

import csv
import io
import re
import threading
import time as clocks
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from xml.etree.ElementTree import ParseError

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from gdmarket.sheets.errors import NotASheetError, SheetsBusyError, SheetTooLargeError
from gdmarket.sheets.writing import NOT_IN_XML, defused

MOST_ROWS = 10_000
MOST_BYTES = 10 * 2**20
_MOST_COLUMNS = 100
_MOST_BLANK = 1_100_000  # as many rows as a sheet of Excel's has, if its last one is formatted
_MOST_UNPACKED = 64 * 2**20
_MOST_OF_OTHERS = 4 * 2**20  # a part that is neither a sheet nor its texts
# Of what an XLSX unpacks to, as openpyxl takes 8 µs for a cell, 80 µs for a row and 3 µs for another mark, also where they are empty.
_MOST_MARKS = 4_000_000
_MOST_OF_ELEMENTS = {b"c": 1_000_000, b"row": 100_000}
_MOST_S = 30.0
_BUSY_S = 5.0
_ENCODINGS = ("utf-8-sig", "cp949")
_DELIMITERS = ",\t;"
# Built-in formats of dates in Korean Excel, which openpyxl takes for numbers. Source: ECMA-376 part 1, 18.8.30, numFmtId, ko-kr.
_KOREAN_DATES = {*range(27, 37), *range(50, 59)}
_EXACT = 1e15  # Excel keeps 15 digits
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
# What openpyxl raises for files that are none of Excel's.
_UNREADABLE = (
    *(zipfile.BadZipFile, zlib.error, InvalidFileException, ParseError, EOFError, OSError, RuntimeError),
    *(KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError),
)
csv.field_size_limit(MOST_BYTES)
_one_at_a_time = threading.Lock()


@dataclass(frozen=True, slots=True)
class SheetRow:
    """A row as texts, and its number in the file; `unknown` are the columns, from 0, of formulas that have no result."""

    number: int
    cells: Sequence[str]
    unknown: frozenset[int] = frozenset()


def read(*, raw: bytes) -> list[SheetRow]:
    """Return the rows of a CSV, or of the first sheet of an XLSX, that are not blank; the first one has the headings.

    Dates are `2026-12-01` or `2026-12-01 09:00`, numbers have neither separators nor a fraction that is zero.
    :raises NotASheetError: if it is neither
    :raises SheetTooLargeError: if it has more than `MOST_ROWS` rows below the headings, or more bytes than `MOST_BYTES`,
        or takes too long
    :raises SheetsBusyError: if others are read just now
    """
    if len(raw) > MOST_BYTES:
        raise _too_large()
    if not _one_at_a_time.acquire(timeout=_BUSY_S):
        raise SheetsBusyError(retry_after_s=_BUSY_S)
    try:
        return _read(raw)
    finally:
        _one_at_a_time.release()


def _read(raw: bytes) -> list[SheetRow]:
    if raw.startswith(b"PK"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of what it leaves out
            try:
                return _bounded(_xlsx_rows(raw))
            except _UNREADABLE as failed:
                raise NotASheetError from failed
    try:
        return _bounded(_csv_rows(_decoded(raw)))
    except csv.Error as failed:
        raise NotASheetError from failed


def _bounded(rows: Iterable[SheetRow]) -> list[SheetRow]:
    """Return the rows that are not blank, without blank cells at their ends."""
    found: list[SheetRow] = []
    over_at = clocks.monotonic() + _MOST_S
    for row in rows:
        if row.number > _MOST_BLANK or clocks.monotonic() > over_at:
            raise _too_large()
        cells = list(row.cells[:_MOST_COLUMNS])
        while cells and not cells[-1] and len(cells) - 1 not in row.unknown:
            cells.pop()
        if cells:
            found.append(SheetRow(row.number, tuple(cells), row.unknown))
        if len(found) > MOST_ROWS + 1:
            raise _too_large()
    if not found:
        raise NotASheetError
    return found


def _too_large() -> SheetTooLargeError:
    return SheetTooLargeError(rows=f"{MOST_ROWS:,}", mebibytes=MOST_BYTES // 2**20)


def _decoded(raw: bytes) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):  # Excel's “Unicode text”
        encodings: Sequence[str] = ("utf-16",)
    elif raw.startswith(b"\xd0\xcf\x11\xe0"):  # an .xls of before 2007, or an XLSX with a password
        encodings = ()
    else:
        encodings = _ENCODINGS  # in this order: text in cp949 is no UTF-8
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text and not text.lstrip()[:15].lower().startswith(("<!doctype", "<html", "<?xml", "<table")):
            return text
    raise NotASheetError


def _csv_rows(text: str) -> Iterator[SheetRow]:
    told = re.match(r"sep=(.)\r?\n", text)
    first = text[told.end() :] if told else text
    # The headings tell by what they are separated.
    line = first.lstrip("\r\n").splitlines()[:1]
    delimiter = told[1] if told else max(_DELIMITERS, key=lambda mark: line[0].count(mark) if line else 0)
    rows = csv.reader(io.StringIO(first, newline=""), delimiter=delimiter)
    for number, cells in enumerate(rows, 2 if told else 1):
        yield SheetRow(number, [_undefused(cell.strip()) for cell in cells])


def _undefused(text: str) -> str:
    """Return a text without the apostrophe that kept it from being calculated."""
    return text[1:] if text.startswith("'") and defused(text=text[1:]) == text else text


def _xlsx_rows(raw: bytes) -> Iterator[SheetRow]:
    _check_size(raw)
    _check_marks(raw)
    values = _sheet(raw, data_only=True)
    formulas = _sheet(raw, data_only=False) if _has_formulas(raw) else None
    before: Sequence[Any] = ()
    for number, row in enumerate(values, 1):
        asked = next(formulas) if formulas is not None else row
        if row is before and number <= _MOST_BLANK:
            continue  # openpyxl fills gaps of up to a million rows with one and the same
        before = row
        unknown = {at for at, cell in enumerate(row) if cell.data_type == "e"}
        unknown |= {at for at, cell in enumerate(asked) if cell.data_type == "f" and (at >= len(row) or row[at].value is None)}
        cells = ["" if at in unknown else _text_of(cell.value) for at, cell in enumerate(row)]
        yield SheetRow(number, cells, frozenset(unknown))


def _check_size(raw: bytes) -> None:
    """Refuse an archive that would unpack to much: no more than it declares is unpacked."""
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        total = 0
        for part in archive.infolist():
            total += part.file_size
            is_text = part.filename.startswith("xl/worksheets/") or part.filename.endswith("sharedStrings.xml")
            is_read = part.filename.endswith((".xml", ".rels"))
            if total > _MOST_UNPACKED or (is_read and not is_text and part.file_size > _MOST_OF_OTHERS):
                raise _too_large()


def _check_marks(raw: bytes) -> None:
    """Refuse an archive that has more to parse than a table of `MOST_ROWS` rows, or entities, which would be expanded to more."""
    marks, elements = 0, dict.fromkeys(_MOST_OF_ELEMENTS, 0)
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        for name in archive.namelist():  # any of them may be named as a sheet
            text = archive.read(name).replace(b"\0", b"")  # so that UTF-16 is read as well
            marks += text.count(b"<")
            if marks > _MOST_MARKS:
                raise _too_large()
            if b"<!ENTITY" in text:
                raise NotASheetError
            for element, most in _MOST_OF_ELEMENTS.items():
                elements[element] += sum(1 for _found in re.finditer(rb"<(?:[^<\s/>:]+:)?%b[\s/>]" % element, text))
                if elements[element] > most:
                    raise _too_large()


def _has_formulas(raw: bytes) -> bool:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/") and name.endswith(".xml")]
        return any(re.search(rb"<(?:\w+:)?f[\s/>]", archive.read(name)) for name in sheets)


def _sheet(raw: bytes, *, data_only: bool) -> Iterator[Sequence[Any]]:
    """Iterate over the rows of the first sheet that is shown. How large it says that it is may be wrong."""
    book: Any = openpyxl.load_workbook(io.BytesIO(raw), read_only=True, data_only=data_only, keep_links=False)
    sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
    if not sheets:
        raise NotASheetError
    sheets[0].reset_dimensions()
    book._date_formats.update(  # noqa: SLF001  # nothing public tells it more dates
        at
        for at, style in enumerate(book._cell_styles)  # noqa: SLF001  # the same
        if style.numFmtId in _KOREAN_DATES
    )
    rows: Iterator[Sequence[Any]] = sheets[0].iter_rows(max_col=_MOST_COLUMNS)
    return rows


def _text_of(value: object) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < _EXACT else f"{value:.15g}"
    text = "" if value is None else _ESCAPED.sub(_unescaped, str(value))
    return text.replace("\r\n", "\n").strip()


def _unescaped(found: re.Match[str]) -> str:
    """Return the character that Excel escaped; what no XML can hold, as NUL, nobody typed: it stays as it is written."""
    character = chr(int(found[1], 16))
    return found[0] if NOT_IN_XML.match(character) else character
