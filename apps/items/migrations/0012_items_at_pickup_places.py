"""Find the items of a pickup place. None has one yet, so that the index is empty, and built in the time of reading the items once."""

from typing import ClassVar

from django.db import migrations, models

from gdmarket.indexing import BuildIndex


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0011_pickup_places")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddIndex(
                    "item",
                    models.Index(
                        condition=models.Q(pickup_place__isnull=False), fields=["pickup_place", "id"], name="items_at_pickup_place"
                    ),
                )
            ],
            database_operations=[BuildIndex("items_at_pickup_place", "items_item (pickup_place_id, id) WHERE pickup_place_id IS NOT NULL")],
        ),
    ]
