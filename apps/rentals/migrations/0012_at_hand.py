"""Index everybody's rentals by state, for the desk of an operator."""

from typing import ClassVar

from django.db import migrations

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0011_walk_in")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns("rentals_rental", "rentals_in_state", ["state", "ends_at"])
    ]
