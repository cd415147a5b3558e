"""Prices and places of several items at once: chosen in the list, shown from what to what, then each revised."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from apps.items import domain, services
from apps.items.admin import history
from apps.items.admin.bulk_forms import BulkForm, BulkPlaceForm, BulkPriceForm
from apps.items.models import Item
from gdmarket import clock
from gdmarket.errors import DomainError, StaleError

MAX_REVISED_AT_ONCE = 50
_MAX_VERSION = 10
_TITLES = {"prices": gettext_lazy("Change prices and deposits"), "place": gettext_lazy("Change the pickup place")}
_FORMS: Mapping[str, Callable[..., BulkForm]] = {"prices": BulkPriceForm, "place": BulkPlaceForm}


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedRevision:
    """What is to become of an item: its `changes`, the lines that tell of them, or why it is skipped."""

    item: Item
    changes: Mapping[str, Any]
    lines: tuple[history.HistoryLine, ...] = ()
    skipped: str = ""


class BulkAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """An admin of items with two actions, each of which leads to a page with a form and a preview."""

    changes_of: Callable[..., list[dict[str, Any]]]

    @admin.action(description=gettext_lazy("Change prices and deposits"), permissions=["change"])
    def change_prices(self, request: HttpRequest, items: QuerySet[Item]) -> HttpResponse:
        return self._lead(request, items, "prices")

    @admin.action(description=gettext_lazy("Change the pickup place"), permissions=["change"])
    def change_place(self, request: HttpRequest, items: QuerySet[Item]) -> HttpResponse:
        return self._lead(request, items, "place")

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(f"{kind}/", self.admin_site.admin_view(partial(self.bulk_view, kind=kind)), name=f"items_item_{kind}") for kind in _FORMS
        ]
        return [*pages, *super().get_urls()]

    def bulk_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """Show the items that the address names, with what is to become of them; or change them, once that was shown."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        items = self._named(request)
        refusal = _("Choose 1 to 50 items.") if not items else ""
        if kind == "place" and len({item.manager_id for item in items}) > 1:
            refusal = _("Choose items of one manager: each has pickup places of their own.")
        if refusal:
            self.message_user(request, refusal, messages.WARNING)
            return HttpResponseRedirect(reverse("admin:items_item_changelist"))
        form = _FORMS[kind](request.POST or None, manager_id=items[0].manager_id)
        is_typed = form.is_valid()
        plans = [_plan(item, form) if is_typed else PlannedRevision(item=item, changes={}) for item in items]
        if is_typed and "apply" in request.POST and request.POST.get("previewed") == form.typed:
            self._apply(request, plans)
            return HttpResponseRedirect(reverse("admin:items_item_changelist"))
        page = {"opts": self.opts, "title": _TITLES[kind], "form": form, "plans": plans, "is_typed": is_typed, "media": form.media}
        count = sum(not plan.skipped for plan in plans) if is_typed else 0
        return TemplateResponse(request, "admin/items/item/bulk.html", {**self.admin_site.each_context(request), **page, "count": count})

    def _lead(self, request: HttpRequest, items: QuerySet[Item], kind: str) -> HttpResponse:
        chosen = list(items.values_list("pk", flat=True)[: MAX_REVISED_AT_ONCE + 1])
        if len(chosen) > MAX_REVISED_AT_ONCE:
            self.message_user(request, _("Choose 1 to 50 items."), messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(reverse(f"admin:items_item_{kind}") + "?" + urlencode([("item", str(pk)) for pk in chosen]))

    def _named(self, request: HttpRequest) -> list[Item]:
        try:
            named = [UUID(text) for text in request.GET.getlist("item")[:MAX_REVISED_AT_ONCE]]
        except ValueError:
            named = []
        return list(self.get_queryset(request).filter(pk__in=named).order_by("name", "pk"))

    def _apply(self, request: HttpRequest, plans: Iterable[PlannedRevision]) -> None:
        """Revise each item that is at the version that was shown, and say which were not changed, and why."""
        changed, left = 0, dict[str, list[str]]()
        for plan in plans:
            why = plan.skipped or self._revise(request, plan)
            if why:
                left.setdefault(why, []).append(plan.item.name)
            else:
                changed += 1
        for why, names in left.items():
            self.message_user(request, f"{why}: {', '.join(names)}", messages.WARNING)
        if changed:
            done = ngettext("%(count)d item was changed.", "%(count)d items were changed.", changed) % {"count": changed}
            self.message_user(request, done, messages.SUCCESS)

    def _revise(self, request: HttpRequest, plan: PlannedRevision) -> str:
        """Revise an item, and log it; return why not, if not."""
        item, seen = plan.item, request.POST.get(f"version-{plan.item.pk}", "")
        stale = _("Changed by someone else meanwhile, and left as it is")
        if not (seen.isascii() and seen.isdecimal() and len(seen) <= _MAX_VERSION):
            return stale
        try:
            saved = services.revise_item(item_id=item.id, by=item.manager_id, expected_version=int(seen), now=clock.now(), **plan.changes)
        except StaleError:
            return stale
        except DomainError as refused:
            return refused.message
        self.log_change(request, item, self.changes_of(before=history.values_of(item), saved=saved))
        return ""


def _plan(item: Item, form: BulkForm) -> PlannedRevision:
    if item.state == domain.ItemState.WITHDRAWN:
        return PlannedRevision(item=item, changes={}, skipped=_("Withdrawn, and left as it is"))
    changes = {name: value for name, value in form.changes_of(item).items() if getattr(item, form.columns.get(name, name)) != value}
    if not changes:
        return PlannedRevision(item=item, changes={}, skipped=_("Nothing would change"))
    try:
        domain.check(details={name: value for name, value in changes.items() if name not in form.columns})
    except DomainError as refused:
        return PlannedRevision(item=item, changes={}, skipped=refused.message)
    return PlannedRevision(item=item, changes=changes, lines=tuple(form.lines_of(item, changes)))
