"""Screens on which item managers manage their items, categories and pickup places."""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.csrf import csrf_exempt

from apps.items import domain, queries, services
from apps.items.admin import categories, pickup_places
from apps.items.admin.bulk import BulkAdmin
from apps.items.admin.duplicating import DuplicatingAdmin
from apps.items.admin.filters import CategoryFilter
from apps.items.admin.forms import ItemForm, LocatedMedia
from apps.items.admin.importing import ImportingAdmin
from apps.items.admin.pausing import PausingAdmin
from apps.items.admin.photos import photos_view
from apps.items.admin.service_backed import ServiceBackedAdmin
from apps.items.models import BusyPeriod, Item
from apps.items.queries import categories as category_queries
from apps.items.queries import tables
from gdmarket import clock, media
from gdmarket.admin import (
    EMPTY,
    badge,
    format_period,
    instant_column,
    is_item_manager,
    link,
    money_column,
)
from gdmarket.errors import DomainError
from gdmarket.sheets.exporting import ExportableAdmin

__all__ = ["ItemAdmin", "categories", "pickup_places"]
MAX_WITHDRAWN_AT_ONCE = 50


@admin.register(Item)
class ItemAdmin(ImportingAdmin, PausingAdmin, BulkAdmin, DuplicatingAdmin, ServiceBackedAdmin, ExportableAdmin):
    """A manager's own items; operators see everybody's."""

    form = ItemForm
    Media = LocatedMedia
    list_display = ("picture", "name", "category_name", "price", "place", "state_badge", "held", "registered")
    list_display_links = ("name",)
    list_filter = ("state", "availability", CategoryFilter)
    list_per_page = MAX_WITHDRAWN_AT_ONCE
    ordering = ("-registered_at", "id")
    export_table = tables.ItemTable
    search_fields = ("search_text",)
    search_help_text = _("Words in name, category, place or description")
    actions = ("change_prices", "change_place", "pause", "resume", "withdraw")
    readonly_fields = ("state", "availability", "busy", "registered_at", "updated_at", "withdrawn_at")
    fieldsets = (
        (None, {"fields": ("name", "category", "description")}),
        (_("Price"), {"fields": (("daily_price", "deposit"),)}),
        (_("Place"), {"fields": ("pickup_place", "place", ("latitude", "longitude"))}),
    )
    status_fieldset = (_("Status"), {"fields": (*readonly_fields, "seen_version")})

    @admin.display(description=_("photo"))
    def picture(self, item: Item) -> SafeString:
        address = media.url_of(item.thumbnail) if item.thumbnail else ""
        return render_to_string("admin/items/item/picture.html", {"address": address})

    price = money_column("daily_price", label=_("daily price"))

    @admin.display(description=_("state"), ordering="availability")
    def state_badge(self, item: Item) -> SafeString:
        return item_badge(item)

    registered = instant_column("registered_at", label=_("registered"))

    @admin.display(description=_("category"), ordering="category")
    def category_name(self, item: Any) -> str:
        return str(item.category_name)

    @admin.display(description=_("current rental"))
    def held(self, item: Any) -> SafeString:
        return _rental(item.holder) if item.holder else EMPTY

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Read the rentals that hold the items of the page, and the names of categories, at once."""
        page = super().get_changelist_instance(request)
        holders = queries.list_holders(item_ids=[item.id for item in page.result_list])
        names = category_queries.list_names()
        for item in page.result_list:
            item.category_name = names.get(item.category_key, item.category)
            item.holder = holders.get(item.id)
        return page

    @admin.display(description=_("busy"))
    def busy(self, item: Item) -> SafeString | str:
        rentals = queries.list_open_periods(item_id=item.id)
        lines = [(badge(kind=rental.hold, label=rental.get_hold_display()), _rental(rental)) for rental in rentals]
        return format_html_join("", '<div class="line">{} {}</div>', lines) or EMPTY

    @admin.action(description=_("Withdraw the chosen items"), permissions=["change"])
    def withdraw(self, request: HttpRequest, items: QuerySet[Item]) -> HttpResponse:
        chosen = list(items.exclude(state=domain.ItemState.WITHDRAWN).values_list("pk", flat=True)[: MAX_WITHDRAWN_AT_ONCE + 1])
        if not 0 < len(chosen) <= MAX_WITHDRAWN_AT_ONCE:
            self.message_user(request, _("Choose 1 to 50 listed items."), messages.WARNING)
            return HttpResponseRedirect(request.get_full_path())
        return HttpResponseRedirect(reverse("admin:items_item_withdraw") + "?" + urlencode([("item", pk) for pk in chosen]))

    def withdraw_view(self, request: HttpRequest) -> HttpResponse:
        """Confirm, then withdraw the items named in the query string."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        items = self._named_items(request)
        if request.method != "POST" and items:
            context = {**self.admin_site.each_context(request), "opts": self.opts, "items": items, "title": _("Withdraw items")}
            return TemplateResponse(request, "admin/items/item/withdraw.html", context)
        withdrawn = sum(self._withdraw(request, item) for item in items)
        if withdrawn:
            done = ngettext("%(count)d item was withdrawn.", "%(count)d items were withdrawn.", withdrawn) % {"count": withdrawn}
            self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:items_item_changelist"))

    def _named_items(self, request: HttpRequest) -> list[Item]:
        try:
            named = [UUID(text) for text in request.GET.getlist("item")[:MAX_WITHDRAWN_AT_ONCE]]
        except ValueError:
            named = []
        chosen = self.get_queryset(request).filter(pk__in=named).exclude(state=domain.ItemState.WITHDRAWN)
        return list(chosen.order_by("name", "pk"))

    def _withdraw(self, request: HttpRequest, item: Item) -> bool:
        try:
            withdrawn = services.withdraw_item(item_id=item.id, by=item.manager_id, now=clock.now())
        except DomainError as refused:
            self.message_user(request, f"{item.name}: {refused.message}", messages.ERROR)
            return False
        self.log_change(request, item, self.changes_of(before={"state": item.state}, saved=withdrawn))
        return True

    def save_model(self, request: HttpRequest, obj: Item, form: ItemForm, change: bool) -> None:  # noqa: FBT001  # Django's hook
        """Register or revise through the services, which publish the facts."""
        if change:
            seen, details = form.expected_version, form.details()
            form.saved = services.revise_item(item_id=obj.id, by=obj.manager_id, expected_version=seen, now=clock.now(), **details)
        else:
            manager: Any = request.user
            photos = self.copied_photos(request)
            services.register_item(item_id=obj.id, manager_id=manager.pk, now=clock.now(), photos=photos, **form.details())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> HttpResponse:
        item: Item | None = kwargs.get("obj")
        context["can_withdraw"] = item is not None and self.has_change_permission(request, item)
        context["can_duplicate"] = item is not None and self.has_add_permission(request)
        context["copied"] = self.copied_item(request) if item is None else None
        return super().render_change_form(request, context, *args, **kwargs)

    def get_form(self, request: HttpRequest, obj: Item | None = None, change: bool = False, **kwargs: Any) -> Any:  # noqa: FBT001, FBT002  # Django's hook
        """Offer the pickup places of the item's manager."""
        form: Any = super().get_form(request, obj, change=change, **kwargs)
        form.manager_id = request.user.pk if obj is None else obj.manager_id
        return form

    def get_urls(self) -> list[URLPattern]:
        withdraw = path("withdraw/", self.admin_site.admin_view(self.withdraw_view), name="items_item_withdraw")
        photos = path("<uuid:item_id>/photos/", self.admin_site.admin_view(self.photos_view), name="items_item_photos")
        return [withdraw, photos, *super().get_urls()]

    @method_decorator(csrf_exempt)  # or its large form would be read before anything is asked: it checks the token itself
    def photos_view(self, request: HttpRequest, item_id: UUID) -> HttpResponse:
        """Change the photos of an item, on a page of their own."""
        return photos_view(self, request, item_id)

    def get_fieldsets(self, request: HttpRequest, obj: Item | None = None) -> Any:
        if obj is None:
            return self.fieldsets
        title, status = self.status_fieldset
        # The version that the form was opened with is for those who can save it.
        fields = status["fields"] if self.has_change_permission(request, obj) else self.readonly_fields
        return (*self.fieldsets, (title, {"fields": fields}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_item_manager(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_withdrawn = getattr(obj, "state", domain.ItemState.LISTED) == domain.ItemState.WITHDRAWN
        return not is_withdrawn and self.has_view_permission(request, obj)


def item_badge(item: Item) -> SafeString:
    """Return what an item is, as a coloured label: whether it can be had, or its state where it is not listed."""
    if item.state != domain.ItemState.LISTED:
        return badge(kind=item.state, label=item.get_state_display())
    return badge(kind=item.availability, label=item.get_availability_display())


def _rental(period: BusyPeriod) -> SafeString:
    address = reverse("admin:rentals_rental_change", args=[period.rental_id])
    return link(address=address, label=format_period(period.starts_at, period.ends_at))
