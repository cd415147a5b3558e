"""Lists of the web admin as files: what their filters and search keep, all pages of it."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language, override

from gdmarket import clock, keyset
from gdmarket.admin import ManagerOwnedAdmin, is_operator
from gdmarket.sheets.responses import download
from gdmarket.sheets.writing import TYPES, Cell

PAGE = 1_000


class Table(Protocol):
    """What the rows of a list are in a file; texts are in the language that is active when it is made.

    `order` names columns that are never null, and ends in a unique one; an index on them makes every page as fast as the first.
    """

    order: Sequence[str]
    headings: Sequence[str]

    def __init__(self, *, with_managers: bool) -> None:
        """Leave the managers out of a manager's own table."""

    def rows_of(self, page: Sequence[Any], /) -> Iterable[Sequence[Cell]]:
        """Yield the rows of a page; what else they need is read at once."""


class ExportableAdmin(ManagerOwnedAdmin):
    """Rows of which the list, as it is filtered, can be downloaded as CSV and XLSX."""

    export_table: ClassVar[type[Table]]

    def export_view(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        """Send the rows that the list has with the same address."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            rows: QuerySet[Any] = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(reverse(f"admin:{self._route}_changelist"))
        table = self.export_table(with_managers=is_operator(request.user))
        name = f"{self.opts.verbose_name_plural} {clock.day_of(clock.now())}"
        return download(kind=kind, name=name, headings=table.headings, rows=rows_of(rows=rows, table=table))

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show the list, with links to it as files that keep what it is narrowed by."""
        kept = urlencode([(name, value) for name, values in request.GET.lists() for value in values if name != "p"])
        exports = {kind.upper(): f"{reverse(f'admin:{self._route}_export_{kind}')}?{kept}" for kind in TYPES}
        return super().changelist_view(request, {"exports": exports, **(extra_context or {})})

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.export_view)
        exports = [path(f"export.{kind}", view, {"kind": kind}, name=f"{self._route}_export_{kind}") for kind in TYPES]
        return [*exports, *super().get_urls()]

    @property
    def _route(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}"


def rows_of(*, rows: QuerySet[Any], table: Table) -> Iterator[Sequence[Cell]]:
    """Yield the rows of a table, of which a page is read at a time, each from where the one before ended."""
    return _pages(rows.order_by(*table.order), table, get_language() or settings.LANGUAGE_CODE)


def _pages(rows: QuerySet[Any], table: Table, language: str) -> Iterator[Sequence[Cell]]:
    page = list(rows[:PAGE])
    while page:
        with override(language):  # not across a yield
            made = list(table.rows_of(page))
        yield from made
        keys = [getattr(page[-1], name.removeprefix("-")) for name in table.order]
        page = list(rows.filter(keyset.beyond(order=table.order, keys=keys))[:PAGE]) if len(page) == PAGE else []
