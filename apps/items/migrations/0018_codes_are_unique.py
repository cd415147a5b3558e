"""No two items of a manager have one code. No item has one yet, so that the index is empty, and built in the time of reading the items once."""

from typing import ClassVar

from django.db import migrations, models

from gdmarket.indexing import BuildIndex

_ON = "items_item (manager_id, code) WHERE code IS NOT NULL AND withdrawn_at IS NULL"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0017_codes")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AddConstraint(
                    "item",
                    models.UniqueConstraint(
                        condition=models.Q(code__isnull=False, withdrawn_at__isnull=True),
                        fields=("manager_id", "code"),
                        name="items_code_of_manager",
                    ),
                )
            ],
            database_operations=[BuildIndex("items_code_of_manager", _ON, unique=True)],
        ),
    ]
