"""The reasons for which a file is not read as a table."""

from gdmarket.errors import InvalidError


class NotASheetError(InvalidError):
    """The file is no CSV or XLSX that can be read: save it as “Excel Workbook (.xlsx)” or “CSV UTF-8”."""

    code = "not_a_sheet"
    field = "file"


class SheetTooLargeError(InvalidError):
    """A file has at most {rows} rows and {mebibytes} MiB: split it."""

    code = "sheet_too_large"
    field = "file"
