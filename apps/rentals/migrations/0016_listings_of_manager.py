"""Index a manager's items by name, for the desk."""

from typing import ClassVar

from django.db import migrations

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0015_blocks")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns("rentals_listing", "rentals_listings_of_manager", ["manager_id", "name", "item_id"])
    ]
