"""Index the lists of a person's rentals in their order, those of a manager by state as well."""

from typing import ClassVar

from django.db import migrations, models

from gdmarket.indexing import BuildIndex


def index(name: str, columns: list[str]) -> migrations.SeparateDatabaseAndState:
    """Return the operation that builds an index on columns, `-` before what descends."""
    ordered = ", ".join(f"{column.removeprefix('-')} DESC" if column.startswith("-") else column for column in columns)
    return migrations.SeparateDatabaseAndState(
        state_operations=[migrations.AddIndex("rental", models.Index(fields=columns, name=name))],
        database_operations=[BuildIndex(name, f"rentals_rental ({ordered})")],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0009_fair_limits")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index("rentals_of_renter", ["renter_id", "-requested_at", "-id"]),
        index("rentals_of_manager", ["manager_id", "-requested_at", "-id"]),
        index("rentals_of_manager_in_state", ["manager_id", "state", "-requested_at", "-id"]),
        # The version before uses their own indexes, so these stay in the database; a later version drops them:
        # rentals_rental_renter_id_e8d32130 and rentals_rental_manager_id_f2d27e02.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("rental", "renter_id", models.UUIDField(verbose_name="renter")),
                migrations.AlterField("rental", "manager_id", models.UUIDField(verbose_name="manager")),
            ]
        ),
    ]
