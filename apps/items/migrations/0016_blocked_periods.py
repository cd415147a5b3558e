"""Items' copy of the periods that managers block."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0015_paused")]

    operations = [
        migrations.CreateModel(
            name="BlockedPeriod",
            fields=[
                ("block_id", models.UUIDField(primary_key=True, serialize=False)),
                ("starts_at", models.DateTimeField()),
                ("ends_at", models.DateTimeField()),
                ("is_lifted", models.BooleanField()),
                ("version", models.PositiveIntegerField()),
                (
                    "item",
                    models.ForeignKey(
                        db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="blocked_periods", to="items.item"
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("is_lifted", False)), fields=["item", "ends_at", "starts_at"], name="items_blocked")
                ]
            },
        )
    ]
