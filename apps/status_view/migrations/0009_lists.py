"""Index a manager's rentals by state, and those of an item, in the order of their lists."""

from typing import ClassVar

from django.db import migrations, models

from gdmarket.indexing import BuildIndex


def index(name: str, columns: list[str]) -> migrations.SeparateDatabaseAndState:
    """Return the operation that builds an index on columns, `-` before what descends."""
    ordered = ", ".join(f"{column.removeprefix('-')} DESC" if column.startswith("-") else column for column in columns)
    return migrations.SeparateDatabaseAndState(
        state_operations=[migrations.AddIndex("rentalstatus", models.Index(fields=columns, name=name))],
        database_operations=[BuildIndex(name, f"status_view_rentalstatus ({ordered})")],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("status_view", "0008_what_was_agreed")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index("status_view_rental_state", ["manager_id", "state", "-requested_at", "id"]),
        index("status_view_rental_item", ["item_id", "-requested_at", "id"]),
    ]
