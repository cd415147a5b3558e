"""Who cancelled a rental. Rows of before are filled in by `rebuild_status_view`, or by the rental's next fact."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("status_view", "0006_fold_rows")]

    operations = [
        migrations.AddField("rentalstatus", "cancelled_by", models.CharField(max_length=20, null=True, verbose_name="cancelled by")),
    ]
