"""Which operator gave money back, and why."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Null in what the version before writes, and where a cancel gives it back."""

    dependencies: ClassVar = [("payments", "0007_cash")]
    operations: ClassVar = [
        migrations.AddField("refund", "stated_reason", models.CharField(max_length=200, null=True, verbose_name="why")),
        migrations.AddField("refund", "refunded_by_id", models.UUIDField(null=True, verbose_name="by")),
    ]
