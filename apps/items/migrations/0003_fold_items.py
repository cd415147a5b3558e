"""Fill in what searches of items compare, and index the categories."""

from typing import Any, ClassVar

from django.db import migrations, models

from gdmarket import text_columns


def refold(apps: Any, schema_editor: Any) -> None:
    """Fold what was written before, a page at a time; servers go on meanwhile."""
    text_columns.refold(rows=apps.get_model("items", "Item").objects.using(schema_editor.connection.alias))


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "CREATE_INDEX": "Items are registered and revised a second or so later for each hundred thousand of them; searches go on.",
    }
    atomic = False
    dependencies = [("items", "0002_text")]

    operations = [
        migrations.RunPython(refold, migrations.RunPython.noop),
        migrations.AddIndex(
            "item",
            models.Index(
                condition=models.Q(("state", "listed")),
                fields=["category_key", "-registered_at", "id"],
                name="items_category_key_newest",
            ),
        ),
    ]
