"""Blur the places of the items that there are, and search by where items are shown."""

from typing import Any, ClassVar

from django.db import migrations, models

from apps.items.models import blurred_place

_PAGE = 500


def blur(apps: Any, schema_editor: Any) -> None:
    """Blur what was written before, a page at a time; servers go on meanwhile."""
    items = apps.get_model("items", "Item").objects.using(schema_editor.connection.alias).filter(shown_latitude=None).order_by("id")
    while page := list(items.only("id", "manager_id", "latitude", "longitude")[:_PAGE]):
        for item in page:
            item.shown_latitude, item.shown_longitude = blurred_place(item)
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
