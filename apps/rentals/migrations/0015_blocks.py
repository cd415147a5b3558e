"""Periods in which managers block their items, and until when an item has any."""

from typing import Any, ClassVar

from django.db import migrations, models
from django.db.models import F, Q

from gdmarket.ids import uuid7


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0014_paused")]

    operations: ClassVar[list[Any]] = [
        migrations.CreateModel(
            name="Block",
            fields=[
                ("id", models.UUIDField(default=uuid7, editable=False, primary_key=True, serialize=False)),
                ("item_id", models.UUIDField(verbose_name="item")),
                ("manager_id", models.UUIDField(verbose_name="manager")),
                ("starts_at", models.DateTimeField(verbose_name="from")),
                ("ends_at", models.DateTimeField(verbose_name="to")),
                ("reason", models.CharField(blank=True, max_length=200, verbose_name="reason")),
                ("blocked_by", models.UUIDField(verbose_name="blocked by")),
                ("created_at", models.DateTimeField(verbose_name="blocked at")),
            ],
            options={
                "verbose_name": "blocked days",
                "verbose_name_plural": "blocked days",
                "indexes": [
                    models.Index(fields=["item_id", "ends_at"], name="rentals_blocks_of_item"),
                    models.Index(fields=["manager_id", "-ends_at", "-id"], name="rentals_blocks_of_manager"),
                    models.Index(fields=["-ends_at", "-id"], name="rentals_blocks"),
                ],
                "constraints": [models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="rentals_block_forward")],
            },
        ),
        migrations.AddField("listing", "blocked_until", models.DateTimeField(null=True)),
    ]
