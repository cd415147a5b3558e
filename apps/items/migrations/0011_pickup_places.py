"""Managers name the places at which they hand items over, and items may be at one of them."""

from typing import ClassVar

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q
from django.db.models.functions import Length
from django.db.models.lookups import Range

import gdmarket.ids
import gdmarket.text_columns


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0010_categories")]

    operations = [
        migrations.CreateModel(
            "PickupPlace",
            [
                ("id", models.UUIDField(default=gdmarket.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ("manager_id", models.UUIDField(editable=False, verbose_name="manager")),
                ("name", gdmarket.text_columns.NameField(max_length=100, verbose_name="name")),
                ("address", models.CharField(blank=True, default="", max_length=200, verbose_name="address")),
                ("latitude", models.FloatField(verbose_name="latitude")),
                ("longitude", models.FloatField(verbose_name="longitude")),
                ("version", models.PositiveIntegerField(default=1, editable=False, verbose_name="version")),
                ("registered_at", models.DateTimeField(editable=False, verbose_name="registered")),
                ("updated_at", models.DateTimeField(editable=False, verbose_name="updated")),
            ],
            {
                "verbose_name": "pickup place",
                "verbose_name_plural": "pickup places",
                "indexes": [models.Index(fields=["manager_id", "name", "id"], name="items_places_of_manager")],
                "constraints": [
                    models.CheckConstraint(condition=Q(Range(Length("name"), (1, 100))), name="items_pickup_name_length"),
                    models.CheckConstraint(condition=Q(latitude__range=(-90, 90)), name="items_pickup_latitude_range"),
                    models.CheckConstraint(condition=Q(longitude__range=(-180, 180)), name="items_pickup_longitude_range"),
                ],
            },
        ),
        migrations.AddField(
            "item",
            "pickup_place",
            models.ForeignKey(
                blank=True,
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="items",
                to="items.pickupplace",
                verbose_name="pickup place",
            ),
        ),
    ]
