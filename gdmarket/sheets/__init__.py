"""Tables as files that spreadsheets open: CSV and XLSX, written row by row. docs/adr/0047-sheets.md tells why so."""

from gdmarket.sheets.responses import download
from gdmarket.sheets.writing import TYPES, Cell, write

__all__ = ["TYPES", "Cell", "download", "write"]
