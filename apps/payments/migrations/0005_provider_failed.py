"""Record whether a payment that was never sent failed by the provider's fault: only then is the rental's hold prolonged."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """The previous version leaves the column at its default."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("payments", "0004_never_more_than_charged")]

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.AddField(
            "payment", "provider_failed", models.BooleanField(db_default=False, default=False, verbose_name="provider failed")
        )
    ]
