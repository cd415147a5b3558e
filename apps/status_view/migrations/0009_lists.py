"""Index a manager's rentals by state, and those of an item, in the order of their lists."""

from typing import ClassVar

from django.db import migrations

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("status_view", "0008_what_was_agreed")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns("status_view_rentalstatus", "status_view_rental_state", ["manager_id", "state", "-requested_at", "id"]),
        index_columns("status_view_rentalstatus", "status_view_rental_item", ["item_id", "-requested_at", "id"]),
    ]
