"""Blur the places of the items that there are, and search by where items are shown."""

import math
from typing import Any, ClassVar

from django.db import migrations, models
from django.utils.crypto import salted_hmac

_PAGE = 500
_HEIGHT = math.degrees(math.sqrt(2) * 300 / 6_371_000)


def seed_of(manager_id: Any) -> bytes:
    """Return the 16 bytes that this migration blurs a manager's places with."""
    return salted_hmac("gdmarket.items.places", str(manager_id), algorithm="sha256").digest()[:16]


def blurred(latitude: float, longitude: float, seed: bytes) -> tuple[float, float]:
    """Return the middle of the cell of the manager's grid that a place is in, as items computed it when this was written."""
    north, east = (int.from_bytes(seed[start : start + 8]) / 2**64 for start in (0, 8))
    middle = (math.floor(latitude / _HEIGHT + north) + 0.5 - north) * _HEIGHT
    width = min(_HEIGHT / max(math.cos(math.radians(middle)), 1e-9), 360.0)
    beside = (math.floor(longitude / width + east) + 0.5 - east) * width
    return round(max(-90, min(middle, 90)), 6), round(beside - 360 * round(beside / 360), 6)


def blur(apps: Any, schema_editor: Any) -> None:
    """Blur what was written before, a page at a time; servers go on meanwhile."""
    items = apps.get_model("items", "Item").objects.using(schema_editor.connection.alias).filter(shown_latitude=None).order_by("id")
    while page := list(items.only("id", "manager_id", "latitude", "longitude")[:_PAGE]):
        for item in page:
            item.shown_latitude, item.shown_longitude = blurred(item.latitude, item.longitude, seed_of(item.manager_id))
        items.model.objects.using(schema_editor.connection.alias).bulk_update(page, ["shown_latitude", "shown_longitude"])


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "CREATE_INDEX": "Items are registered and revised a second or so later for each hundred thousand of them; searches go on.",
    }
    atomic = False
    dependencies = [("items", "0005_blurred_places")]

    operations = [
        migrations.RunPython(blur, migrations.RunPython.noop),
        migrations.AddIndex(
            "item",
            models.Index(
                condition=models.Q(("state", "listed")), fields=["shown_latitude", "shown_longitude"], name="items_by_shown_place"
            ),
        ),
        # The version before uses this index, so it stays in the database; a later version drops it.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveIndex("item", "items_by_place")]),
    ]
