"""Whether an item is paused; null in a row of before, which is no."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0013_requested")]

    operations: ClassVar[list[migrations.AddField]] = [migrations.AddField("listing", "paused", models.BooleanField(null=True))]
