"""Keep a list of categories. No item changes: it names its category by what its text folds to, which is the category's key.

Here a new market gets the default categories. Those of the texts that items have are made by `catch_up`, at the end of `migrate`, and once
more when the version before has ended, which goes on writing any text.
"""

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

import apps.items.models
import gdmarket.text_columns

# The Korean name, which is the key, the English one, and the icon; as they were then.
DEFAULTS = (
    ("공구", "Tools", "tools"),
    ("캠핑", "Camping", "camping"),
    ("유아", "Baby", "baby"),
    ("생활가전", "Appliances", "appliance"),
    ("스포츠", "Sports", "sports"),
    ("촬영", "Cameras", "camera"),
    ("파티", "Party", "party"),
    ("여행", "Travel", "travel"),
    ("의류", "Clothes", "clothes"),
    ("도서", "Books", "book"),
    ("악기", "Music", "music"),
    ("정원", "Garden", "garden"),
    ("주방", "Kitchen", "kitchen"),
    ("탈것", "Vehicles", "vehicle"),
    ("기타", "Other", "box"),
)


def add_defaults(apps: Any, schema_editor: Any) -> None:
    """Add the default categories to a market without items."""
    alias = schema_editor.connection.alias
    if apps.get_model("items", "Item").objects.using(alias).exists():
        return
    for position, (key, name_en, icon) in enumerate(DEFAULTS, 1):
        categories = apps.get_model("items", "Category").objects.using(alias)
        categories.create(key=key, position=position, name_ko=key, name_en=name_en, icon=icon)
        names = apps.get_model("items", "CategoryName").objects.using(alias)
        for name in (key, name_en.lower()):
            names.create(folded=name, category_id=key)


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0009_photos")]

    operations = [
        migrations.CreateModel(
            "Category",
            [
                ("key", models.TextField(editable=False, primary_key=True, serialize=False, verbose_name="key")),
                ("name_ko", gdmarket.text_columns.NameField(max_length=40, verbose_name="Korean name")),
                ("name_en", gdmarket.text_columns.NameField(max_length=40, verbose_name="English name")),
                ("icon", models.CharField(default="box", max_length=20, verbose_name="icon")),
                ("position", models.PositiveIntegerField(default=0, verbose_name="position")),
                ("is_active", models.BooleanField(default=True, verbose_name="can be chosen")),
            ],
            {"verbose_name": "category", "verbose_name_plural": "categories"},
        ),
        migrations.CreateModel(
            "CategoryName",
            [
                ("folded", models.TextField(primary_key=True, serialize=False)),
                (
                    "category",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="names", to="items.category"),
                ),
            ],
        ),
        migrations.RunPython(add_defaults, migrations.RunPython.noop),
        # The column stays as it is: only who fills it in is new.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "item", "category_key", apps.items.models.CategoryKeyField(editable=False, null=True, of=("category",))
                )
            ]
        ),
    ]
