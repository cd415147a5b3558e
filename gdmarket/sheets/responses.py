"""Answers that are files to keep."""

from collections.abc import Iterable, Sequence

from django.http import StreamingHttpResponse
from django.utils.http import content_disposition_header

from gdmarket.sheets.writing import TYPES, Cell, write


def download(*, kind: str, name: str, headings: Sequence[str], rows: Iterable[Sequence[Cell]]) -> StreamingHttpResponse:
    """Return a table as a file, `name` without its ending, which is sent while its rows are read.

    The rows are read after the view has returned, when no time zone and maybe another language is active: they hold instants, and texts
    that were translated before.
    """
    pieces = write(kind=kind, title=name, headings=[str(heading) for heading in headings], rows=rows)
    answer = StreamingHttpResponse(pieces, content_type=TYPES[kind])
    answer["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=f"{name}.{kind}") or "attachment"
    answer["Cache-Control"] = "private, no-store"
    return answer
