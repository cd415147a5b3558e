"""The page on which a manager adds, reorders, describes and removes the photos of an item."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop, ngettext
from django.views.decorators.csrf import csrf_protect

from apps.items import domain, queries
from apps.items.errors import PhotoTooLargeError
from apps.items.models import Item
from apps.items.photos import album, making
from apps.items.services import photographing
from gdmarket import clock, media
from gdmarket.admin import ManagerOwnedAdmin
from gdmarket.errors import DomainError
from gdmarket.ids import uuid7

# What the log calls them, in the reader's language.
_PHOTO, _PHOTOS = gettext_noop("photo"), gettext_noop("photos")
_TEXT, _ORDER = gettext_noop("What it shows"), gettext_noop("Position")
_MAX_VERSION = 2**31 - 1


def photos_view(screens: ManagerOwnedAdmin, request: HttpRequest, item_id: UUID) -> HttpResponse:
    """Show an item's photos, or change them as the form says.

    The form may be large: it is read, with its token, once it is known that the person may send it.
    """
    item: Item | None = screens.get_object(request, str(item_id))
    if item is None or not screens.has_change_permission(request, item):
        raise Http404
    if request.method == "POST":
        return _changed(request, screens, item)
    title = _("Photos of %(name)s") % {"name": item.name}
    more: dict[str, Any] = {"opts": screens.opts, "item": item, "title": title, "photos": _shown(item), "most": domain.MAX_PHOTOS}
    return TemplateResponse(request, "admin/items/item/photos.html", {**screens.admin_site.each_context(request), **more})


@csrf_protect
def _changed(request: HttpRequest, screens: ManagerOwnedAdmin, item: Item) -> HttpResponse:
    files = request.FILES.getlist("photo")
    try:
        if _arrange(screens, request, item):
            messages.success(request, _("The photos were changed."))
        if files:
            _add(screens, request, item, files)
    except DomainError as refused:
        messages.error(request, refused.message)
    return HttpResponseRedirect(request.get_full_path())


def _shown(item: Item) -> list[dict[str, Any]]:
    return [
        {**photo, "address": media.url_of(domain.photo_names(file=photo["file"])[1]), "position": at}
        for at, photo in enumerate(item.photos or (), 1)
    ]


def _arrange(screens: ManagerOwnedAdmin, request: HttpRequest, item: Item) -> bool:
    """Change the photos that were there as the form says, in one revision, and log what differs; return whether anything does."""
    before: album.Album = item.photos or ()
    alts = {photo["id"]: request.POST.get(f"alt-{photo['id']}", photo["alt"]).strip() for photo in before}
    typed = {photo["id"]: _number(request.POST.get(f"position-{photo['id']}", "")) or at for at, photo in enumerate(before, 1)}
    changed = photographing.arrange_photos(
        item_id=item.id,
        by=item.manager_id,
        alts=alts,
        positions={photo["id"]: typed[photo["id"]] for at, photo in enumerate(before, 1) if typed[photo["id"]] != at},
        removed=[photo["id"] for photo in before if f"remove-{photo['id']}" in request.POST],
        expected_version=_number(request.POST.get("seen_version", ""), most=_MAX_VERSION),
        now=clock.now(),
    )
    differences = _differences(before, changed.photos or ())
    if differences:
        screens.log_change(request, item, differences)
    return bool(differences)


def _add(screens: ManagerOwnedAdmin, request: HttpRequest, item: Item, files: Sequence[Any]) -> None:
    """Add photos, none where there is no room for all; of those that were added before one is refused, the log and a message tell."""
    there = len(queries.get_own_item(item_id=item.id, manager_id=item.manager_id).photos or ())
    album.check_room(count=there, more=len(files))
    added, changed = 0, None
    try:
        for file in files:
            if (file.size or 0) > domain.MAX_PHOTO_BYTES:
                raise PhotoTooLargeError
            with making.reserve_slot():
                changed = photographing.add_photo(item_id=item.id, by=item.manager_id, photo_id=uuid7(), raw=file.read(), now=clock.now())
            added += 1
    finally:
        if changed:
            values = {"photos": [there, len(changed.photos or ())]}
            screens.log_change(request, item, [{"changed": {"fields": [_PHOTOS], "values": values, "version": changed.version}}])
            done = ngettext("%(count)d photo was added.", "%(count)d photos were added.", added) % {"count": added}
            messages.success(request, done)


def _differences(before: album.Album, after: album.Album) -> list[dict[str, Any]]:
    """Return entries of Django's log: what was removed, and texts and the order from what to what. Photos are numbered as they were."""
    numbers, left = {photo["id"]: at for at, photo in enumerate(before, 1)}, {photo["id"]: photo for photo in after}
    found: list[dict[str, Any]] = []
    for photo in before:
        now = left.get(photo["id"])
        if now is None:
            found.append({"deleted": {"name": _PHOTO, "object": str(numbers[photo["id"]])}})
        elif now["alt"] != photo["alt"]:
            told = f"{numbers[photo['id']]}: {photo['alt']} → {now['alt']}"
            found.append({"changed": {"name": _PHOTO, "object": told, "fields": [_TEXT]}})
    order = [numbers[photo["id"]] for photo in after if photo["id"] in numbers]
    if order != sorted(order):
        told = f"{', '.join(map(str, sorted(order)))} → {', '.join(map(str, order))}"
        found.append({"changed": {"name": _PHOTOS, "object": told, "fields": [_ORDER]}})
    return found


def _number(text: str, *, most: int = domain.MAX_PHOTOS) -> int | None:
    """Return a number from 1 to `most`, or None where another thing was typed."""
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= len(str(most)) else 0
    return number if 1 <= number <= most else None
