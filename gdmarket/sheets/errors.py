"""The reasons for which a file is not read as a table."""

from gdmarket.errors import InvalidError, UnavailableError


class NotASheetError(InvalidError):
    """The file is no CSV or XLSX that can be read: save it as “Excel Workbook (.xlsx)” or “CSV UTF-8”."""

    code = "not_a_sheet"
    field = "file"


class SheetTooLargeError(InvalidError):
    """A file has at most {rows} rows and {mebibytes} MiB: split it, or save it as CSV UTF-8."""

    code = "sheet_too_large"
    field = "file"


class SheetsBusyError(UnavailableError):
    """Other files are being read just now: please try again in a moment."""

    code = "sheets_busy"
