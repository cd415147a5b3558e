"""Permissions and formats of the web admin: item managers see their own rows, operators see all rows."""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin.options import IncorrectLookupParameters, ShowFacets
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import models
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from gdmarket import text_columns
from gdmarket.errors import InvalidError
from gdmarket.text import MAX_SEARCH

_MOST_PEOPLE = 10_000  # in one statement
MOST_LISTED = 10_000
_FIRST_YEAR, _LAST_YEAR = 1900, 9000  # far from where an offset overflows
EMPTY = SafeString('<span class="nothing">–</span>')


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """A paginator of the first 10,000 rows, which counts no more than these; `is_cut` tells whether there are others."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, 10,000 at most."""
        return min(self._counted, MOST_LISTED)

    @property
    def is_cut(self) -> bool:
        """Return whether there are rows beyond the last page."""
        return self._counted > MOST_LISTED

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        counted: int = rows.order_by()[: MOST_LISTED + 1].count()
        return counted


class LimitedAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """An admin whose lists are narrowed by their filters and their search alone.

    Django allows every lookup on every column in the address of a list, such as `description__regex`, which SQLite runs in Python with any
    pattern.
    """

    empty_value_display = EMPTY

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return any(lookup in self._lookups_of(entry, request) for entry in self.get_list_filter(request))

    def _lookups_of(self, entry: Any, request: HttpRequest) -> Sequence[str | None]:
        if not isinstance(entry, str):
            return (entry.parameter_name,)
        field: Any = self.opts.get_field(entry)
        spec: Any = admin.FieldListFilter.create(field, request, {}, self.model, self, field_path=entry)
        expected: Sequence[str | None] = spec.expected_parameters()
        return expected

    def get_search_results(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Compare folded where the rows have a `search_text`."""
        if "search_text" not in self.get_search_fields(request):
            return super().get_search_results(request, queryset, search_term[:MAX_SEARCH])
        return self.search(request, queryset, search_term), False

    def search(self, request: HttpRequest, rows: QuerySet[Any], words: str) -> QuerySet[Any]:
        """Return the rows that hold the words."""
        return text_columns.holding(rows=rows, words=words)


class ReadOnlyAdmin(LimitedAdmin):
    """An admin with titles named after its rows, in which nothing is added, changed or deleted unless a subclass allows it."""

    show_full_result_count = False
    paginator = BoundedPaginator
    show_facets = ShowFacets.NEVER
    list_per_page = 50

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})})

    def response_action(self, request: HttpRequest, queryset: QuerySet[Any], *args: Any, **kwargs: Any) -> HttpResponse | None:
        """Act on what is chosen; on all of a list only where all of it can be seen."""
        if request.POST.get("select_across") == "1" and BoundedPaginator(queryset, self.list_per_page).is_cut:
            self.message_user(request, _("The list is longer than can be shown: narrow it by a search or a filter."), messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        try:
            return super().response_action(request, queryset, *args, **kwargs)
        except ValidationError:  # a malformed id in a forged form
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        if row := kwargs.get("obj"):
            context |= {"title": str(row), "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Name who made each change, to operators with the e-mail address; Django shows it to everybody."""
        answer = super().history_view(request, object_id, extra_context)
        entries = list((getattr(answer, "context_data", None) or {}).get("action_list", ()))
        for entry in entries:
            address = f" ({entry.user.get_username()})" if is_operator(request.user) else ""
            entry.person = f"{entry.user.display_name}{address}"
        self.tell_history(entries)
        return answer

    def tell_history(self, entries: Sequence[Any]) -> None:
        """Say what entries of the history say in the reader's language; here as Django does."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ManagerOwnedAdmin(ReadOnlyAdmin):
    """An admin of rows with a `manager_id`, which that manager and operators see.

    With a `person_column`, searches also find the rows of people: `find_people`, of the facade of accounts, gives their ids by the words of
    the search. An operator finds people by a part of their e-mail address, a manager, who does not see addresses, by a whole one alone.
    A manager's search is among the people of the manager's own rows, so that no name is too common.
    """

    person_column = ""
    find_people: Callable[..., Mapping[str, AbstractSet[UUID]]]

    def search(self, request: HttpRequest, rows: QuerySet[Any], words: str) -> QuerySet[Any]:
        if not self.person_column:
            return super().search(request, rows, words)
        with suppress(ValueError):
            return rows.filter(pk=UUID(words.strip()))
        try:
            people = self.find_people(
                words=words,
                by_address=is_operator(request.user),
                among=self._own_people(request, rows),
                manager_id=None if is_operator(request.user) else request.user.pk,
                tell=partial(self.message_user, request, level=messages.WARNING),
            )
        except InvalidError as too_many:
            self.message_user(request, too_many.message, messages.WARNING)
            return super().search(request, rows, words)
        if not people:
            return super().search(request, rows, words)
        for word, ids in people.items():
            rows = rows.filter(Q(search_text__contains=word) | Q(**{f"{self.person_column}__in": ids}))
        return rows

    def _own_people(self, request: HttpRequest, rows: QuerySet[Any]) -> list[UUID] | None:
        """Return the people of a manager's rows; None, which is all people, for an operator, or where they are very many."""
        if is_operator(request.user):
            return None
        people = rows.order_by().filter(**{f"{self.person_column}__isnull": False}).values_list(self.person_column, flat=True)
        found = list(people.distinct()[: _MOST_PEOPLE + 1])
        return found if len(found) <= _MOST_PEOPLE else None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if is_operator(request.user) else rows.filter(manager_id=request.user.pk)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_use_admin(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        owner = getattr(obj, "manager_id", request.user.pk)
        return is_operator(request.user) or (is_item_manager(request.user) and owner == request.user.pk)


class DayFilter(admin.DateFieldListFilter):
    """Django's filter by days, which fails at an instant that is out of the database's range in UTC."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        """Keep the rows of the chosen days.

        :raises IncorrectLookupParameters: if the address has other instants than those of a calendar
        """
        for value in (text for values in self.used_parameters.values() if isinstance(values, list) for text in values):
            try:
                at = parse_datetime(str(value))
                in_range = at is None or _FIRST_YEAR <= at.year <= _LAST_YEAR
            except ValueError:
                in_range = False
            if not in_range:
                raise IncorrectLookupParameters
        return super().queryset(request, queryset)


admin.FieldListFilter.register(lambda field: isinstance(field, models.DateTimeField), DayFilter, take_priority=True)


def is_operator(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether a user is an operator."""
    return bool(user.is_active and getattr(user, "is_staff", False))


def is_item_manager(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether a user is an item manager."""
    return bool(user.is_active and getattr(user, "is_item_manager", False))


def may_use_admin(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Return whether a user may use the web admin."""
    return is_operator(user) or is_item_manager(user)


def format_money(amount: int, currency: str) -> str:
    """Return an amount as `₩12,000` or `-₩12,000`; KRW, the only currency so far, has no minor unit (ISO 4217)."""
    sign = "-" if amount < 0 else ""
    return f"{sign}₩{abs(amount):,}" if currency == "KRW" else f"{amount:,} {currency}"


def say_instant(at: datetime) -> str:
    """Return an instant in local time for a sentence, the same in every language: `2026-05-01 09:00`."""
    return date_format(localtime(at), "Y-m-d H:i")


def format_instant(at: datetime | None) -> SafeString:
    """Return what `say_instant` returns as HTML without breaks."""
    return _without_breaks(say_instant(at)) if at else EMPTY


def format_period(starts_at: datetime | None, ends_at: datetime | None) -> SafeString:
    """Return a period without repeating the year or day that its ends share: `2026-05-01 09:00 – 05-02 09:00`."""
    if starts_at is None or ends_at is None:
        return EMPTY
    start, end = localtime(starts_at), localtime(ends_at)
    shown = ("H:i" if start.date() == end.date() else "m-d H:i") if start.year == end.year else "Y-m-d H:i"
    return format_html("{} – {}", format_instant(starts_at), _without_breaks(date_format(end, shown)))


def _without_breaks(text: str) -> SafeString:
    return format_html('<span class="moment">{}</span>', text)


def money_column(name: str, *, label: Any) -> Callable[..., str]:
    """Return a column of an admin: the amount `name` of a row, in the row's `currency`."""

    @admin.display(description=label, ordering=name)
    def shown(_admin: object, row: Any) -> str:
        return format_money(getattr(row, name), row.currency)

    return shown


def instant_column(name: str, *, label: Any) -> Callable[..., SafeString]:
    """Return a column of an admin: the instant `name` of a row."""

    @admin.display(description=label, ordering=name)
    def shown(_admin: object, row: Any) -> SafeString:
        return format_instant(getattr(row, name))

    return shown


def badge(*, kind: str, label: object) -> SafeString:
    """Return a coloured label; `kind` is the stored state, `label` its name for people."""
    return format_html('<span class="badge badge-{}">{}</span>', kind, label)


def overdue_badge() -> SafeString:
    """Return the label of a rental whose item is not back in time."""
    return badge(kind="overdue", label=_("overdue"))


def link(*, address: str, label: object) -> SafeString:
    """Return a link to another page of the admin."""
    return format_html('<a href="{}">{}</a>', address, label)


def command_button(*, address: str, label: object, about: object) -> SafeString:
    """Return a button that posts the list's form to `address`; `about` names the row for screen readers."""
    hidden = format_html('<span class="visually-hidden">: {}</span>', about)
    return format_html('<button type="submit" class="button row-command" formaction="{}">{}{}</button>', address, label, hidden)
