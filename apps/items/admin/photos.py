"""The page on which a manager adds, reorders, describes and removes the photos of an item."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from apps.items import domain
from apps.items.errors import PhotoTooLargeError
from apps.items.models import Item
from apps.items.photos import making
from apps.items.services import photographing
from gdmarket import clock, media
from gdmarket.admin import ManagerOwnedAdmin
from gdmarket.errors import DomainError
from gdmarket.ids import uuid7


def photos_view(screens: ManagerOwnedAdmin, request: HttpRequest, item_id: UUID) -> HttpResponse:
    """Show an item's photos, or change them as the form says."""
    item: Item | None = screens.get_object(request, str(item_id))
    if item is None or not screens.has_change_permission(request, item):
        raise Http404
    if request.method == "POST":
        try:
            _change(request, item)
        except DomainError as refused:
            messages.error(request, refused.message)
        else:
            screens.log_change(request, item, [{"changed": {"fields": ["photos"]}}])
            messages.success(request, _("The photos were changed."))
        return HttpResponseRedirect(request.get_full_path())
    title = _("Photos of %(name)s") % {"name": item.name}
    more: dict[str, Any] = {"opts": screens.opts, "item": item, "title": title, "photos": _shown(item), "most": domain.MAX_PHOTOS}
    return TemplateResponse(request, "admin/items/item/photos.html", {**screens.admin_site.each_context(request), **more})


def _shown(item: Item) -> list[dict[str, Any]]:
    return [
        {**photo, "address": media.url_of(domain.photo_names(file=photo["file"])[1]), "position": at}
        for at, photo in enumerate(item.photos or (), 1)
    ]


def _change(request: HttpRequest, item: Item) -> None:
    """Arrange the photos in one revision, then add each new one."""
    stay = [photo for photo in item.photos or () if f"remove-{photo['id']}" not in request.POST]
    stay.sort(key=lambda photo: _number(request.POST.get(f"position-{photo['id']}", "")))
    alts = {UUID(photo["id"]): request.POST.get(f"alt-{photo['id']}", photo["alt"]).strip() for photo in stay}
    photographing.arrange_photos(item_id=item.id, by=item.manager_id, alts=alts, now=clock.now())
    for file in request.FILES.getlist("photo"):
        if (file.size or 0) > domain.MAX_PHOTO_BYTES:
            raise PhotoTooLargeError
        with making.reserve_place():
            photographing.add_photo(item_id=item.id, by=item.manager_id, photo_id=uuid7(), raw=file.read(), now=clock.now())


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(domain.MAX_PHOTOS)) else domain.MAX_PHOTOS
