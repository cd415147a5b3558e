#!/bin/sh
# Excel's "Strict Open XML Spreadsheet" (ISO/IEC 29500-1, conformance="strict") is an .xlsx with other namespaces and with dates as text. openpyxl 3.1.5
# opens it without an error as a workbook of no sheets, and tablib 3.10.0 on it raises AttributeError; ExcelJS 4.4.0 reads 1 December 2026 as
# 18 July 1905, since it takes "2026-12-01" for the number 2026. python-calamine 0.9.1 reads it right.
# Expected: the cells, or an error that says what is not supported.
. "$(dirname "$0")/setup.sh"
with_python openpyxl==3.1.5 tablib==3.10.0 python-calamine==0.9.1
with_node exceljs@4.4.0

cat > expected <<'END'
calamine: [['드릴', 12000.0, datetime.date(2026, 12, 1)]]
openpyxl: sheets []
tablib: AttributeError
exceljs: ["드릴",12000,"1905-07-18T00:00:00.000Z"]
END
cat > made.py <<'END'
"""The least workbook that is strict: one sheet, one row of a text, a number and a date."""
import zipfile

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
MAIN = "http://purl.oclc.org/ooxml/spreadsheetml/main"
LINKS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006"
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
PARTS = {
    "[Content_Types].xml": f"""<Types xmlns="{PACKAGE}/content-types">
<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>
<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>
<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/>
<Override PartName="/xl/styles.xml" ContentType="{TYPE}.styles+xml"/></Types>""",
    "_rels/.rels": f"""<Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="rId1" Type="{LINKS}/officeDocument" Target="xl/workbook.xml"/></Relationships>""",
    "xl/workbook.xml": f"""<workbook xmlns="{MAIN}" xmlns:r="{LINKS}" conformance="strict">
<sheets><sheet name="물건" sheetId="1" r:id="rId1"/></sheets></workbook>""",
    "xl/_rels/workbook.xml.rels": f"""<Relationships xmlns="{PACKAGE}/relationships">
<Relationship Id="rId1" Type="{LINKS}/worksheet" Target="worksheets/sheet1.xml"/>
<Relationship Id="rId2" Type="{LINKS}/styles" Target="styles.xml"/></Relationships>""",
    "xl/worksheets/sheet1.xml": f"""<worksheet xmlns="{MAIN}"><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>드릴</t></is></c>
<c r="B1"><v>12000</v></c><c r="C1" s="1" t="d"><v>2026-12-01</v></c></row></sheetData></worksheet>""",
    "xl/styles.xml": f"""<styleSheet xmlns="{MAIN}"><fonts count="1"><font><sz val="11"/><name val="맑은 고딕"/></font></fonts>
<fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills>
<borders count="1"><border><start/><end/><top/><bottom/><diagonal/></border></borders>
<cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs>
<cellXfs count="2"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/>
<xf numFmtId="14" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs>
<cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>""",
}
with zipfile.ZipFile("strict.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
    for name, text in PARTS.items():
        book.writestr(name, f"{XML}\n{text}")
END
env/bin/python made.py
env/bin/python - > seen <<'END'
import openpyxl
import tablib
from python_calamine import CalamineWorkbook

print("calamine:", CalamineWorkbook.from_path("strict.xlsx").get_sheet_by_index(0).to_python())
print("openpyxl: sheets", openpyxl.load_workbook("strict.xlsx").sheetnames)
try:
    with open("strict.xlsx", "rb") as file:
        print("tablib:", tablib.Dataset().load(file, "xlsx", headers=False).export("csv"))
except Exception as error:
    print("tablib:", type(error).__name__)
END
cat > read.js <<'END'
import ExcelJS from 'exceljs';

const book = new ExcelJS.Workbook();
await book.xlsx.readFile('strict.xlsx');
console.log(`exceljs: ${JSON.stringify(book.worksheets[0].getRow(1).values.slice(1))}`);
END
node read.js >> seen
compare
