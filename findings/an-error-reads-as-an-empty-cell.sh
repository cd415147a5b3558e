#!/bin/sh
# python-calamine 0.9.1 reads a cell with an error (#N/A, #DIV/0!, #REF!) as "", the same as an empty one. A price that Excel could not work out
# so imports as "no price given", and nothing in the sheet object tells the two apart. openpyxl 3.1.5 gives the text "#N/A".
# By default it also leaves out empty rows above and empty columns before the table, so that the "row 2" of a message is row 4 in Excel;
# `sheet.start`, or `to_python(skip_empty_area=False)`, tells.
# Expected: the error, as a text or a value of its own. Cure: openpyxl where errors must be seen.
. "$(dirname "$0")/setup.sh"
with_python python-calamine==0.9.1 openpyxl==3.1.5

cat > expected <<'END'
openpyxl: ('드릴', '#N/A', '#DIV/0!', None)
calamine: ['드릴', '', '', '']
calamine: row 1 is the sheet's row 3, start (2, 1)
calamine, skip_empty_area=False: row 1 is the sheet's row 1, start (2, 1)
END
env/bin/python - > seen <<'END'
import openpyxl
from python_calamine import CalamineWorkbook

book = openpyxl.Workbook()
for column, value in enumerate(("드릴", "#N/A", "#DIV/0!", None, 1), start=2):
    book.active.cell(3, column, value)  # openpyxl writes these texts as errors: t="e"
book.save("sheet.xlsx")

read = openpyxl.load_workbook("sheet.xlsx").active
assert [cell.data_type for cell in read[3][1:5]] == ["s", "e", "e", "n"]
print("openpyxl:", next(read.iter_rows(min_row=3, min_col=2, max_col=5, values_only=True)))
sheet = CalamineWorkbook.from_path("sheet.xlsx").get_sheet_by_index(0)
print("calamine:", sheet.to_python()[0][:4])
for name, how in (("calamine", {}), ("calamine, skip_empty_area=False", {"skip_empty_area": False})):
    place = 3 - next(number for number, row in enumerate(sheet.to_python(**how)) if "드릴" in row)
    print(f"{name}: row 1 is the sheet's row {place}, start {sheet.start}")
END
compare
