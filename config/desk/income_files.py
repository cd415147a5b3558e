"""수입 as files: the tables of the page, all their rows."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from types import MappingProxyType

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.items import queries as items
from apps.items.queries import categories
from config.desk import earnings, income
from config.desk.earnings import Income, Line
from gdmarket.sheets import Cell, download

TABLES: Mapping[str, tuple[Promise, Sequence[Promise]]] = MappingProxyType(
    {
        "months": (_("By month"), [_("Month")]),
        "categories": (_("By category"), [_("Category")]),
        "items": (_("By item"), [_("Item"), _("Category"), _("Item's id")]),
    }
)
"""What each table is called, and the headings of the columns that say of what a row is."""

_SUMS: Mapping[str, Promise] = MappingProxyType(
    {
        "payments": _("Payments"),
        "earned": _("Paid"),
        "given_back": _("Given back"),
        "income": _("Income"),
        "cash": _("Of it in cash"),
        "net": _("To be paid out"),
    }
)
_OPEN: Mapping[str, Promise] = MappingProxyType({"standing": _("Paid, rental not over"), "requested": _("Requested, not paid")})
_PAGE = 1_000


@require_safe
def export(request: HttpRequest, kind: str) -> HttpResponseBase:
    """Send a table of the page with the same address: `table` says which, sums are in the currency's minor units.

    A file does not say of a cell that it could not be read: where what is open or the categories of items cannot, 503.
    :raises PermissionDenied: to a manager who asks for another's, or to an operator who names no manager
    :raises Http404: if there is no such manager or table
    """
    manager = income.manager_of(request)
    if manager is None:
        raise PermissionDenied
    table = request.GET.get("table", "months")
    if table not in TABLES:
        raise Http404
    choice = income.choice_of(request)
    found = earnings.income_of(manager_id=manager.id, choice=choice, currency=request.GET.get("currency", ""))
    if found.is_away and table != "months":
        said = gettext("A part of this table cannot be read at the moment. Please try again shortly.")
        return HttpResponse(said, status=HTTPStatus.SERVICE_UNAVAILABLE, content_type="text/plain; charset=utf-8")
    title, first = TABLES[table]
    sums = _SUMS if table == "months" else {**_SUMS, **_OPEN}
    headings = [*map(str, first), *map(str, sums.values()), gettext("Currency")]
    of_when = choice.text or f"{choice.shown[0]:%Y-%m} {choice.shown[-1]:%Y-%m}"
    rows = [[*of, *(getattr(line, name) for name in sums), found.currency] for of, line in _ROWS[table](found)]
    return download(kind=kind, name=f"{gettext('Income')} {title} {of_when}", headings=headings, rows=rows)


def _months(found: Income) -> Iterator[tuple[list[Cell], Line]]:
    for month, line in found.months.items():
        yield [f"{month:%Y-%m}"], line


def _categories(found: Income) -> Iterator[tuple[list[Cell], Line]]:
    names = categories.list_names()
    for key, line in found.categories:
        yield [names.get(key, key or gettext("(not known)"))], line


def _items(found: Income) -> Iterator[tuple[list[Cell], Line]]:
    kinds, unknown = categories.list_names(), gettext("(not known)")
    for start in range(0, len(found.items), _PAGE):
        page = found.items[start : start + _PAGE]
        names = items.list_names(item_ids=[item_id for item_id, _line in page if item_id])
        for item_id, line in page:
            key = found.keys.get(item_id, "") if item_id else ""
            yield [names.get(item_id, unknown) if item_id else unknown, kinds.get(key, key or unknown), str(item_id or "")], line


_ROWS = {"months": _months, "categories": _categories, "items": _items}
