"""That a rental is paid in cash."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """Null where the version before writes a row."""

    dependencies: ClassVar = [("status_view", "0009_lists")]
    operations: ClassVar = [migrations.AddField("rentalstatus", "in_cash", models.BooleanField(null=True))]
