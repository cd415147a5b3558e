"""Mark files of photos that are being removed, so that no transaction lasts as long as a removal."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0012_items_at_pickup_places")]

    operations = [migrations.AddField("photofile", "removing_at", models.DateTimeField(null=True))]
