"""The screens on which managers keep their pickup places, and operators everybody's."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from apps.items import domain
from apps.items.admin.forms import LocatedMedia, PlaceForm
from apps.items.admin.service_backed import ServiceBackedAdmin
from apps.items.models import Item, PickupPlace
from apps.items.services import places
from gdmarket import clock
from gdmarket.admin import ManagerOwnedAdmin, is_item_manager
from gdmarket.errors import DomainError

_MAX_NAMED = 20


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
            seen = form.expected_version
            form.saved = places.revise_place(place_id=obj.id, by=obj.manager_id, expected_version=seen, now=clock.now(), **form.details())
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
