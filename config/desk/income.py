"""수입: what a manager earned, by month, item and category, to the won as `money_report` has it."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from apps.accounts import facade as accounts
from apps.accounts.contracts import Person
from apps.accounts.errors import TooManyPeopleError
from apps.items import queries as items
from apps.items.queries import categories
from config.desk import chart, earnings, months
from config.desk.away import read_or_none
from config.desk.earnings import Income, Line
from config.desk.months import Choice
from gdmarket import clock
from gdmarket.admin import format_money, is_item_manager, is_operator
from gdmarket.ids import read_id
from gdmarket.sheets import TYPES

ROWS = 50
"""How many items a page has."""

MOST_PEOPLE = 50
_SUMS = ("earned", "given_back", "income", "cash", "net", "standing", "requested")


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the page: a manager's own income, or that of the manager whom an operator chose.

    :raises PermissionDenied: to a manager who asks for another's
    :raises Http404: if there is no such manager
    """
    manager = manager_of(request)
    if manager is None:
        return TemplateResponse(request, "desk/income_managers.html", {**admin.site.each_context(request), **_managers(request)})
    choice = choice_of(request)
    income = read_or_none(lambda: earnings.income_of(manager_id=manager.id, choice=choice, currency=request.GET.get("currency", "")))
    shown = {"title": _("Income"), "manager": manager if is_operator(request.user) else None, "income": income}
    if income is not None:
        shown |= _periods(request, choice) | _tables(request, choice, income)
    return TemplateResponse(request, "desk/income.html", {**admin.site.each_context(request), **shown})


def choice_of(request: HttpRequest) -> Choice:
    """Return the months that a page's address chooses."""
    return months.choose(request.GET.get("period", ""), now=clock.now())


def manager_of(request: HttpRequest) -> Person | None:
    """Return whose income is asked for; None where an operator has not chosen yet.

    :raises PermissionDenied: to a manager who asks for another's
    :raises Http404: if there is no such manager
    """
    text = request.GET.get("manager", "")
    if not text:
        return None if is_operator(request.user) else _oneself(request)
    manager_id = read_id(text)
    if manager_id is None:
        raise Http404
    if not is_operator(request.user) and manager_id != request.user.pk:
        raise PermissionDenied
    found = accounts.list_people(user_ids=[manager_id])
    if not found:
        raise Http404
    return found[0]


def _oneself(request: HttpRequest) -> Person:
    user: Any = request.user
    return Person(id=user.pk, display_name=user.display_name, roles=())


def _managers(request: HttpRequest) -> dict[str, Any]:
    """Return what an operator sees who has not chosen a manager: a search, and whom it found."""
    words = request.GET.get("q", "")
    found, is_cut = _search(words) if words.strip() else ([], False)
    own = [_oneself(request)] if is_item_manager(request.user) and not words else []
    return {
        "title": _("Income"),
        "words": words,
        "is_cut": is_cut,
        "managers": [(person.display_name, _address(request, manager=person.id)) for person in (*own, *found)],
    }


def _search(words: str) -> tuple[Sequence[Person], bool]:
    try:
        found = accounts.find_people(words=words, by_address=True)
    except TooManyPeopleError:
        return [], True
    ids = frozenset.intersection(*found.values()) if found else frozenset()
    people = [person for person in accounts.list_people(user_ids=ids) if "item_manager" in person.roles]
    people.sort(key=lambda person: (person.display_name, person.id))
    return people[:MOST_PEOPLE], len(people) > MOST_PEOPLE


def _address(request: HttpRequest, page: str = "desk_income", **changes: object) -> str:
    """Return the address of a page with these parameters changed; an empty one, and the page of the items, are left out."""
    kept = {name: request.GET[name] for name in ("manager", "period", "currency") if request.GET.get(name)}
    wanted = {name: value for name, value in (kept | changes).items() if value}
    address = reverse(f"admin:{page}")
    return f"{address}?{urlencode(wanted)}" if wanted else address


def _periods(request: HttpRequest, choice: Choice) -> dict[str, Any]:
    """Return what is chosen, in words, and the links to what else can be."""
    this_year, year = clock.day_of(clock.now()).year, choice.shown[-1].year
    years = [year - 1, year, year + 1] if choice.text else [year - 1, year]
    first = choice.chosen[0]
    words = (
        date_format(first, "YEAR_MONTH_FORMAT")
        if choice.is_month
        else gettext("Year %(year)s") % {"year": first.year}
        if choice.text
        else gettext("The last 12 months")
    )
    return {
        "period": words,
        "is_last": not choice.text,
        "address_of_last": _address(request, period=""),
        "years": [
            {"year": each, "address": _address(request, period=each), "is_chosen": choice.text == str(each)}
            for each in years
            if months.FIRST_YEAR <= each <= this_year
        ],
    }


def _tables(request: HttpRequest, choice: Choice, income: Income) -> dict[str, Any]:
    page = Paginator(income.items, ROWS).get_page(request.GET.get("p"))
    ids = [item_id for item_id, _line in page if item_id]
    names = read_or_none(lambda: items.list_names(item_ids=ids))
    kinds = read_or_none(categories.list_names)
    unknown = gettext("(not known)")
    return {
        "total": _sums(income.total),
        "months": [
            _sums(line) | {"month": month, "address": _address(request, period=f"{month:%Y-%m}")} for month, line in income.months.items()
        ],
        "chosen_month": choice.chosen[0] if choice.is_month else None,
        "months_total": _sums(earnings.total_of(income.months.values(), currency=income.currency)),
        "chart": chart.signed_bars([(month, line.income) for month, line in income.months.items()]),
        "items": [
            _sums(line)
            | {
                "name": (names or {}).get(item_id, unknown) if item_id else unknown,
                "address": reverse("admin:items_item_change", args=[item_id]) if item_id and item_id in (names or {}) else "",
            }
            for item_id, line in page
        ],
        "categories": [_sums(line) | {"name": (kinds or {}).get(key, key or unknown)} for key, line in income.categories],
        "page": page,
        "page_before": _address(request, p=page.previous_page_number()) if page.has_previous() else "",
        "page_after": _address(request, p=page.next_page_number()) if page.has_next() else "",
        "files": {
            table: [(kind.upper(), _address(request, f"desk_income_export_{kind}", table=table)) for kind in TYPES]
            for table in ("months", "categories", "items")
        },
        "currencies": [(each, _address(request, currency=each), each == income.currency) for each in income.currencies],
        "is_away": income.is_away or names is None or kinds is None,
        "is_empty": not any(line.payments or line.income or line.cash for line in income.months.values()),
    }


def _sums(line: Line) -> dict[str, Any]:
    amounts = {name: format_money(getattr(line, name), line.currency) for name in _SUMS}
    return {"payments": line.payments, "is_below": line.income < 0, **amounts}
