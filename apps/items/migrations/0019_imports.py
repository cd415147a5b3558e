"""Files of items that managers sent: the newest few of each."""

import django.db.models.deletion
from django.db import migrations, models

import gdmarket.ids


class Migration(migrations.Migration):
    dependencies = [("items", "0018_codes_are_unique")]

    operations = [
        migrations.CreateModel(
            name="ItemImport",
            fields=[
                ("id", models.UUIDField(default=gdmarket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("manager_id", models.UUIDField(db_index=True)),
                ("file_name", models.CharField(max_length=100)),
                ("left_out", models.JSONField(default=list)),
                ("total", models.PositiveIntegerField()),
                ("is_started", models.BooleanField(default=False)),
                ("refusal", models.TextField(blank=True, default="")),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="ItemImportPart",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField()),
                ("rows", models.JSONField()),
                ("counts", models.JSONField()),
                ("is_done", models.BooleanField(default=False)),
                (
                    "item_import",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="parts", to="items.itemimport"),
                ),
            ],
        ),
        migrations.AddConstraint("itemimportpart", models.UniqueConstraint(fields=("item_import", "number"), name="items_import_part")),
    ]
