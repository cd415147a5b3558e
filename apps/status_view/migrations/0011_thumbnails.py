"""A picture of each item. Rows of before have none until their item's next fact, or `rebuild_status_view`; no item had one then."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("status_view", "0010_in_cash")]

    operations = [
        migrations.AddField("itemstatus", "thumbnail", models.CharField(max_length=100, null=True)),
    ]
