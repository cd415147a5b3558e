"""Screens of what items are registered with: categories, for operators, and the pickup places of managers."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from apps.items import domain
from apps.items.admin.forms import CategoryForm, LocatedMedia, PlaceForm
from apps.items.models import Category, Item, PickupPlace
from apps.items.services import categories, places
from gdmarket import clock
from gdmarket.admin import ManagerOwnedAdmin, ReadOnlyAdmin, is_item_manager, is_operator
from gdmarket.errors import DomainError

_MAX_NAMED = 20


class ServiceBackedAdmin(ReadOnlyAdmin):
    """An admin whose changes are made by services, whose refusals are shown on the page itself."""

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except DomainError as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())


@admin.register(Category)
class CategoryAdmin(ServiceBackedAdmin):
    """The categories that items can have. None is deleted: one that is not active can no longer be chosen."""

    form = CategoryForm
    list_display = ("picture", "name_ko", "name_en", "key", "position", "is_active")
    list_display_links = ("picture", "name_ko", "name_en")
    list_filter = ("is_active",)
    ordering = ("position", "name_ko", "key")
    search_fields = ("name_ko", "name_en", "key")
    actions = None
    fields = ("name_ko", "name_en", "icon", "position", "is_active", "key", "seen_version")
    readonly_fields = ("key",)

    @admin.display(description=_("icon"))
    def picture(self, category: Category) -> SafeString:
        return format_html('<img src="{}" alt="{}" width="20" height="20">', static(f"items/icons/{category.icon}.svg"), category.icon)

    def save_model(self, request: HttpRequest, obj: Category, form: CategoryForm, change: bool) -> None:  # noqa: FBT001  # Django's hook
        """Add or revise through the services."""
        if change:
            categories.revise_category(key=obj.key, expected_version=form.cleaned_data["seen_version"], **form.details())
        else:
            obj.key = categories.add_category(**form.details()).key

    def has_module_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return is_operator(request.user)

    has_change_permission = has_view_permission

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_operator(request.user)


@admin.register(PickupPlace)
class PickupPlaceAdmin(ServiceBackedAdmin, ManagerOwnedAdmin):
    """A manager's own pickup places; operators see everybody's."""

    form = PlaceForm
    Media = LocatedMedia
    list_display = ("name", "address", "latitude", "longitude")
    ordering = ("name", "id")
    search_fields = ("name", "address")
    actions = None
    fields = ("name", "address", ("latitude", "longitude"), "seen_version")

    def save_model(self, request: HttpRequest, obj: PickupPlace, form: PlaceForm, change: bool) -> None:  # noqa: FBT001  # Django's hook
        """Add or revise through the services; the items of the place follow it."""
        if change:
            seen = form.cleaned_data["seen_version"]
            places.revise_place(place_id=obj.id, by=obj.manager_id, expected_version=seen, now=clock.now(), **form.details())
        else:
            manager: Any = request.user
            places.add_place(place_id=obj.id, manager_id=manager.pk, now=clock.now(), **form.details())

    def delete_model(self, request: HttpRequest, obj: PickupPlace) -> None:
        places.delete_place(place_id=obj.id, by=obj.manager_id)

    def delete_view(self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Show a refusal on the page itself."""
        try:
            return super().delete_view(request, object_id, extra_context)
        except DomainError as refused:
            self.message_user(request, refused.message, messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """Name the items for which a place is kept."""
        using: QuerySet[Item] = Item.objects.filter(pickup_place__in=objs).exclude(state=domain.ItemState.WITHDRAWN).order_by("name", "id")
        return (
            [str(place) for place in objs],
            {self.opts.verbose_name_plural: len(objs)},
            set(),
            [str(item) for item in using[:_MAX_NAMED]],
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return is_item_manager(request.user)

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return self.has_view_permission(request, obj)
