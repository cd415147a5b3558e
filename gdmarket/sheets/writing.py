"""Writing tables: a row at a time, so that a file of any length takes no more memory than one row."""

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from types import MappingProxyType
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from django.conf import settings

Cell = str | int | float | date | datetime | None
"""Text, a whole number (as of won), another (as of degrees), a day, an instant, written as the market's clock shows it, or nothing."""
TYPES = MappingProxyType({"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"})
"""The kinds of files, with their media types."""
MOST_ROWS = 1_048_576
"""How many rows a sheet of an XLSX has at most, its headings among them. Source: Excel's specifications and limits."""
MOST_BYTES = zipfile.ZIP64_LIMIT - 64 * 1024
"""How long the XML of its rows may be. A longer one needs sizes of 64 bits, which Excel refuses in a file that is written as it goes."""
_MOST_CHARACTERS = 32_767  # in a cell; the same source

_CHUNK = 64 * 1024
_BOM = "\ufeff"  # without it Korean Excel reads UTF-8 as cp949
# What a spreadsheet takes for a formula if a cell begins so, at full width too. Source: OWASP, CSV Injection.
_FORMULA = re.compile(r"\s*[=@＝＠]|[\t\r]|\s*[-+－＋](?!\(?\d[\d\s().,-]*%?\Z)")
# XML 1.0 has no such characters.
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
# Excel reads `_x0041_` as A: the underscore is written so itself.
_LIKE_ESCAPED = re.compile(r"_(?=x[0-9A-Fa-f]{4}_)")
_FIRST_DAY = date(1899, 12, 30)
_DAY_S = 86_400
# The index of each format in `_STYLES`.
_HEADING, _TEXT, _NUMBER, _DAY, _INSTANT = 1, 2, 3, 4, 5

_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_SPREADSHEET = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_CONTENT_TYPES = f"""<Types xmlns="{_PACKAGE}/content-types">\
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>\
<Default Extension="xml" ContentType="application/xml"/>\
<Override PartName="/xl/workbook.xml" ContentType="{_SPREADSHEET}.sheet.main+xml"/>\
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_SPREADSHEET}.worksheet+xml"/>\
<Override PartName="/xl/styles.xml" ContentType="{_SPREADSHEET}.styles+xml"/></Types>"""
_ROOT = f"""<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>"""
_LINKS = f"""<Relationships xmlns="{_PACKAGE}/relationships">\
<Relationship Id="rId1" Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/>\
<Relationship Id="rId2" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>"""
_STYLES = f"""<styleSheet xmlns="{_MAIN}"><numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy\\-mm\\-dd"/>\
<numFmt numFmtId="165" formatCode="yyyy\\-mm\\-dd\\ hh:mm"/></numFmts>\
<fonts count="2"><font><sz val="11"/><name val="맑은 고딕"/></font><font><b/><sz val="11"/><name val="맑은 고딕"/></font></fonts>\
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>\
<borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders>\
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="6">\
<xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>\
<xf numFmtId="49" fontId="1" fillId="0" borderId="0" xfId="0" applyFont="1" applyNumberFormat="1"/>\
<xf numFmtId="49" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>\
<xf numFmtId="3" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>\
<xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/>\
<xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>\
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>"""
_SHEET = f"""<worksheet xmlns="{_MAIN}"><sheetViews><sheetView workbookViewId="0">\
<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/></sheetView></sheetViews>\
<cols><col min="1" max="{{columns}}" width="18" customWidth="1"/></cols><sheetData>"""
_WORKBOOK = f"""<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets><sheet name={{name}} sheetId="1" r:id="rId1"/></sheets></workbook>"""


def write(*, kind: str, title: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    """Yield a table in pieces of 64 KiB or so: as `csv`, or as `xlsx`, whose one sheet is called `title`.

    Nothing in it is a formula. An XLSX holds each text as it is. CSV knows no types: in one a text that begins as a formula does gets an
    apostrophe before it, which `reading` takes away; numbers and phone numbers such as +82 10-1234-5678 or -5 are left as they are.
    :raises KeyError: if it is no such kind
    :raises ValueError: midway, if there is more than an XLSX can hold; a file that breaks off is better than one that is cut
    """
    return {"csv": _csv, "xlsx": _xlsx}[kind](title, headings, rows)


def defused(*, text: str) -> str:
    """Return a text so that no spreadsheet which reads it from CSV calculates it."""
    return f"'{text}" if _FORMULA.match(text) else text


def _csv(_title: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    out, zone = io.StringIO(), ZoneInfo(settings.GDMARKET_TIME_ZONE)
    writer = csv.writer(out, lineterminator="\r\n")
    out.write(_BOM)
    writer.writerow([defused(text=heading) for heading in headings])
    for row in rows:
        writer.writerow([_csv_value(cell, zone) for cell in row])
        if out.tell() >= _CHUNK:
            yield _taken(out)
    yield _taken(out)


def _taken(out: io.StringIO) -> bytes:
    # A lone half of a surrogate pair is in no encoding.
    piece = out.getvalue().encode("utf-8", errors="replace")
    out.seek(0)
    out.truncate()
    return piece


def _csv_value(cell: Cell, zone: ZoneInfo) -> str | float:
    match cell:
        case None:
            return ""
        case datetime():
            return f"{cell.astimezone(zone):%Y-%m-%d %H:%M}"
        case date():
            return cell.isoformat()
        case str():
            return defused(text=cell)
    return cell


class _Pipe(io.RawIOBase):
    """What a zip file is written into, and taken out of piece by piece: it cannot be gone back in, so that nothing has to be kept."""

    def __init__(self) -> None:
        self._pieces = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, piece: bytes) -> int:  # type: ignore[override]  # what is written are bytes
        self._pieces += piece
        return len(piece)

    def taken(self) -> bytes:
        """Return what was written since the last time."""
        piece = bytes(self._pieces)
        self._pieces.clear()
        return piece


def _xlsx(title: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Iterator[bytes]:
    pipe, zone, length = _Pipe(), ZoneInfo(settings.GDMARKET_TIME_ZONE), 0
    name = quoteattr(_plain(re.sub(r"[\[\]:*?/\\]", " ", title)[:31].strip("' ") or "Sheet1"))
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        archive.writestr("[Content_Types].xml", _HEAD + _CONTENT_TYPES)
        archive.writestr("_rels/.rels", _HEAD + _ROOT)
        archive.writestr("xl/workbook.xml", _HEAD + _WORKBOOK.format(name=name))
        archive.writestr("xl/_rels/workbook.xml.rels", _HEAD + _LINKS)
        archive.writestr("xl/styles.xml", _HEAD + _STYLES)
        with archive.open("xl/worksheets/sheet1.xml", "w") as sheet:
            sheet.write((_HEAD + _SHEET.format(columns=len(headings))).encode())
            sheet.write(f"<row>{''.join(_text(heading, _HEADING) for heading in headings)}</row>".encode())
            for number, row in enumerate(rows, 2):
                if number > MOST_ROWS:
                    raise ValueError(f"a sheet has at most {MOST_ROWS} rows")
                written = f"<row>{''.join([_xlsx_cell(cell, zone) for cell in row])}</row>".encode()
                length += len(written)
                if length > MOST_BYTES:
                    raise ValueError(f"the rows of a sheet have at most {MOST_BYTES} bytes")
                sheet.write(written)
                if number % 500 == 0:
                    yield pipe.taken()
            sheet.write(b"</sheetData></worksheet>")
    yield pipe.taken()


def _xlsx_cell(cell: Cell, zone: ZoneInfo) -> str:
    match cell:
        case None | "":
            return "<c/>"
        case str():
            return _text(cell, _TEXT)
        case datetime():
            local = cell.astimezone(zone)
            seconds = local.hour * 3600 + local.minute * 60 + local.second
            return f'<c s="{_INSTANT}"><v>{(local.date() - _FIRST_DAY).days + seconds / _DAY_S:.10f}</v></c>'
        case date():
            return f'<c s="{_DAY}"><v>{(cell - _FIRST_DAY).days}</v></c>'
        case float():
            return f"<c><v>{cell!r}</v></c>"
    return f'<c s="{_NUMBER}"><v>{cell}</v></c>'


def _text(text: str, style: int) -> str:
    return f'<c s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(_plain(text))}</t></is></c>'


def _plain(text: str) -> str:
    """Return a text as XML can hold it, and as Excel reads it back."""
    return _LIKE_ESCAPED.sub("_x005F_", NOT_IN_XML.sub("\ufffd", text[:_MOST_CHARACTERS]))
