"""Let payments know what the rental is of, to sum income by item. `catch_up` fills in those of before."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("payments", "0009_cash_by_time")]
    operations: ClassVar = [migrations.AddField("payment", "item_id", models.UUIDField(null=True, verbose_name="item"))]
