"""Index the lists of a person's rentals in their order, those of a manager by state as well."""

from typing import ClassVar

from django.db import migrations, models

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0009_fair_limits")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns("rentals_rental", "rentals_of_renter", ["renter_id", "-requested_at", "-id"]),
        index_columns("rentals_rental", "rentals_of_manager", ["manager_id", "-requested_at", "-id"]),
        index_columns("rentals_rental", "rentals_of_manager_in_state", ["manager_id", "state", "-requested_at", "-id"]),
        # The version before uses their own indexes, so these stay in the database; a later version drops them:
        # rentals_rental_renter_id_e8d32130 and rentals_rental_manager_id_f2d27e02.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField("rental", "renter_id", models.UUIDField(verbose_name="renter")),
                migrations.AlterField("rental", "manager_id", models.UUIDField(verbose_name="manager")),
            ]
        ),
    ]
