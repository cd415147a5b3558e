"""Show strangers where an item is only roughly."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0004_item_manager")]

    operations = [
        migrations.AddField("item", "shown_latitude", models.FloatField(editable=False, null=True)),
        migrations.AddField("item", "shown_longitude", models.FloatField(editable=False, null=True)),
    ]
