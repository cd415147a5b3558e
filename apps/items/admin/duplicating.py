"""Registering an item like another: the form of a new item, filled in with what that has."""

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext as _

from apps.items import domain
from apps.items.models import Item
from apps.items.photos.album import Photo
from apps.items.services import photographing
from gdmarket import clock


class DuplicatingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class is not generic at run time
    """An admin of items whose form of a new item has `?copy=` the id of another."""

    def copied_item(self, request: HttpRequest) -> Item | None:
        """Return the item that the new one is to be like, if it is one that the person sees."""
        try:
            named = UUID(request.GET.get("copy", ""))
        except ValueError:
            return None
        found: Item | None = self.get_queryset(request).filter(pk=named).first()
        return found

    def copied_photos(self, request: HttpRequest) -> list[Photo]:
        """Return the photos that the new item is registered with."""
        item = self.copied_item(request)
        return [] if item is None else photographing.copy_photos(item=item, now=clock.now())

    def get_changeform_initial_data(self, request: HttpRequest) -> Any:
        item = self.copied_item(request)
        if item is None:
            return super().get_changeform_initial_data(request)
        is_own = item.manager_id == request.user.pk  # another's pickup place cannot be chosen
        fields = ("description", "daily_price", "deposit", "place", "latitude", "longitude")
        return {
            **{name: getattr(item, name) for name in fields},
            "name": _name_of_copy(item.name),
            "category": item.category_key,
            "pickup_place": item.pickup_place_id if is_own else None,
        }


def _name_of_copy(name: str) -> str:
    room = domain.MAX_NAME - len(_("%(name)s (copy)") % {"name": ""})
    return _("%(name)s (copy)") % {"name": name[:room]}
