"""What the commands share that write tables to files."""

import argparse
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, OutputWrapper
from django.db.models import QuerySet

from gdmarket import console
from gdmarket.sheets.exporting import PAGE, Table, rows_of
from gdmarket.sheets.writing import TYPES, Cell, write


def add_file(parser: argparse.ArgumentParser) -> None:
    """Add the argument `file`, whose ending says what is written."""
    parser.add_argument("file", type=_file, help="what to write, a .csv or .xlsx; it must not be there yet unless --overwrite")
    parser.add_argument("--overwrite", action="store_true", help="replace the file if it is there")


def save(*, file: Path, overwrite: bool, rows: QuerySet[Any], table: Table, title: str, out: OutputWrapper) -> None:
    """Write rows to a file, which is there under its name once it is whole, and say how far it is.

    :raises CommandError: if the file is there, or cannot be written
    """
    if file.exists() and not overwrite:
        raise CommandError(f"{file} is there already: --overwrite replaces it.", returncode=2)
    begun = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with begun.open("wb") as to:
            lines = _counted(rows_of(rows=rows, table=table), out)
            to.writelines(write(kind=file.suffix[1:].lower(), title=title, headings=table.headings, rows=lines))
        begun.replace(file)
    except OSError as failed:
        raise CommandError(f"{file} cannot be written: {failed.strerror}.") from failed
    finally:
        begun.unlink(missing_ok=True)


def _file(text: str) -> Path:
    path = Path(text)
    if path.suffix[1:].lower() not in TYPES:
        raise argparse.ArgumentTypeError("must end in .csv or .xlsx")
    return path


def _counted(lines: Iterable[Sequence[Cell]], out: OutputWrapper) -> Iterator[Sequence[Cell]]:
    count = 0
    for count, line in enumerate(lines, 1):
        yield line
        if count % (10 * PAGE) == 0:
            console.report(out, f"{count} rows")
    console.report(out, f"{count} rows. Done.")
