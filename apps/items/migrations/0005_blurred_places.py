"""Show strangers where an item is only roughly."""

from django.db import migrations

from apps.items.models import BlurredField


class Migration(migrations.Migration):
    dependencies = [("items", "0004_item_manager")]

    operations = [
        migrations.AddField("item", "shown_latitude", BlurredField(axis=0, editable=False, null=True)),
        migrations.AddField("item", "shown_longitude", BlurredField(axis=1, editable=False, null=True)),
    ]
