"""Keep a list of categories. No item changes: it names its category by what its text folds to, which is the category's key.

Here a new market gets the default categories. Those of the texts that items have are made by `catch_up`, at the end of `migrate`, and once
more when the version before has ended, which goes on writing any text.
"""

from typing import Any, ClassVar

import django.db.models.deletion
from django.db import migrations, models

import apps.items.models
import gdmarket.text_columns
from apps.items.services.default_categories import DEFAULTS, OTHER
from gdmarket.text import folded


def add_defaults(apps: Any, schema_editor: Any) -> None:
    """Add the default categories to a market without items."""
    alias = schema_editor.connection.alias
    if apps.get_model("items", "Item").objects.using(alias).exists():
        return
    for position, default in enumerate((*DEFAULTS, OTHER), 1):
        key = folded(text=default.name_ko)
        apps.get_model("items", "Category").objects.using(alias).create(key=key, position=position, **default._asdict())
        names = apps.get_model("items", "CategoryName").objects.using(alias)
        for name in dict.fromkeys((key, folded(text=default.name_en))):
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
