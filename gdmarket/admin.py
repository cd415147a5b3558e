"""Permissions and formats of the web admin: item managers see their own rows, operators see all rows."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import ShowFacets
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.timezone import localtime

EMPTY = SafeString('<span class="nothing">–</span>')


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """An admin with titles named after its rows, in which nothing is added, changed or deleted unless a subclass allows it."""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})})

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        try:
            return super().response_action(request, *args, **kwargs)
        except ValidationError:  # a malformed id in a forged form
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        if row := kwargs.get("obj"):
            context |= {"title": str(row), "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ManagerOwnedAdmin(ReadOnlyAdmin):
    """An admin of rows with a `manager_id`, which that manager and operators see."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if is_operator(request.user) else rows.filter(manager_id=request.user.pk)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return may_use_admin(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        owner = getattr(obj, "manager_id", request.user.pk)
        return is_operator(request.user) or (is_item_manager(request.user) and owner == request.user.pk)


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
    """Return an amount as `₩12,000`; KRW, the only currency so far, has no minor unit (ISO 4217)."""
    return f"₩{amount:,}" if currency == "KRW" else f"{amount:,} {currency}"


def format_instant(at: datetime | None) -> SafeString:
    """Return an instant in local time, the same in every language: `2026-05-01 09:00`."""
    return _without_breaks(date_format(localtime(at), "Y-m-d H:i")) if at else EMPTY


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


def link(*, address: str, label: object) -> SafeString:
    """Return a link to another page of the admin."""
    return format_html('<a href="{}">{}</a>', address, label)


def command_button(*, address: str, label: object, about: object) -> SafeString:
    """Return a button that posts the list's form to `address`; `about` names the row for screen readers."""
    hidden = format_html('<span class="visually-hidden">: {}</span>', about)
    return format_html('<button type="submit" class="button row-command" formaction="{}">{}{}</button>', address, label, hidden)
