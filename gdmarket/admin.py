"""Who sees what in the web admin (item managers their own, operators everything, nobody a neighbour's), and how it is shown there."""

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

NOTHING = SafeString('<span class="nothing">–</span>')


class Screen(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """Lists and pages that are called by what is on them; nothing is added, changed or deleted unless the subclass says so."""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER
    list_per_page = 50

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": capfirst(self.opts.verbose_name_plural), **(extra_context or {})})

    def response_action(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
        try:
            return super().response_action(request, *args, **kwargs)
        except ValidationError:  # an id that is none, in a form that is not ours
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        if shown := kwargs.get("obj"):
            context |= {"title": str(shown), "subtitle": None}
        return super().render_change_form(request, context, *args, **kwargs)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OwnedByManager(Screen):
    """Rows with a `manager_id`, shown to that manager and to operators."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        return rows if sees_all(request) else rows.filter(manager_id=request.user.pk)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return sees_all(request) or is_manager(request)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        owner = getattr(obj, "manager_id", request.user.pk)
        return sees_all(request) or (is_manager(request) and owner == request.user.pk)


def sees_all(request: HttpRequest) -> bool:
    """Say whether somebody runs the system."""
    return _is_operator(request.user)


def is_manager(request: HttpRequest) -> bool:
    """Say whether somebody manages items."""
    return _is_item_manager(request.user)


def may_enter(user: AbstractBaseUser | AnonymousUser) -> bool:
    """Say whether a person has screens here."""
    return _is_operator(user) or _is_item_manager(user)


def _is_operator(user: AbstractBaseUser | AnonymousUser) -> bool:
    return bool(user.is_active and getattr(user, "is_staff", False))


def _is_item_manager(user: AbstractBaseUser | AnonymousUser) -> bool:
    return bool(user.is_active and getattr(user, "is_item_manager", False))


def money(amount: int, currency: str) -> str:
    """Return a sum for people: `₩12,000`; KRW, the only currency so far, has no minor unit (ISO 4217)."""
    return f"₩{amount:,}" if currency == "KRW" else f"{amount:,} {currency}"


def moment(at: datetime | None) -> SafeString:
    """Return an instant as the people of the market read it, the same in every language: `2026-05-01 09:00`."""
    return _unbroken(date_format(localtime(at), "Y-m-d H:i")) if at else NOTHING


def period(starts_at: datetime | None, ends_at: datetime | None) -> SafeString:
    """Return a period, what its ends share said once: `2026-05-01 09:00 – 05-02 09:00`."""
    if starts_at is None or ends_at is None:
        return NOTHING
    start, end = localtime(starts_at), localtime(ends_at)
    shown = ("H:i" if start.date() == end.date() else "m-d H:i") if start.year == end.year else "Y-m-d H:i"
    return format_html("{} – {}", moment(starts_at), _unbroken(date_format(end, shown)))


def _unbroken(text: str) -> SafeString:
    return format_html('<span class="moment">{}</span>', text)


def badge(*, kind: str, label: object) -> SafeString:
    """Return a word in the colour of its kind; `kind` is a state as programs know it, `label` what people read."""
    return format_html('<span class="badge badge-{}">{}</span>', kind, label)


def link(*, address: str, label: object) -> SafeString:
    """Return a link to another page of the admin."""
    return format_html('<a href="{}">{}</a>', address, label)


def command_button(*, address: str, label: object, about: object) -> SafeString:
    """Return a button for a row of a list: it posts the list's own form to `address`; `about` tells screen readers which row."""
    hidden = format_html('<span class="visually-hidden">: {}</span>', about)
    return format_html('<button type="submit" class="button row-command" formaction="{}">{}{}</button>', address, label, hidden)
