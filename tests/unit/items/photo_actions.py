"""What tests of photos do with items: give them photos, look at them, and add one over HTTP."""

from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from apps.items.models import Item
from tests.factories import pictures

ITEMS = "/api/v1/items"


def with_photos(item: Item, *alts: str) -> list[str]:
    """Give an item photos without files, and return their ids."""
    item.photos = [{"id": str(uuid4()), "file": f"{at:032x}", "width": 4, "height": 3, "alt": alt} for at, alt in enumerate(alts)]
    item.save()
    return [photo["id"] for photo in photos_of(item)]


def photos_of(item: Item) -> list[Any]:
    """Return what the item's row has now."""
    return Item.objects.get(id=item.id).photos or []


def sent(raw: bytes | None = None, **fields: Any) -> dict[str, Any]:
    return {"file": SimpleUploadedFile("IMG_0001.JPG", pictures.jpeg() if raw is None else raw, "image/jpeg"), **fields}


def add(client: APIClient, item: Item, raw: bytes | None = None, **more: Any) -> Any:
    fields = {name: more.pop(name) for name in ("alt",) if name in more}
    return client.post(f"{ITEMS}/{item.id}/photos", sent(raw, **fields), format="multipart", **more)
