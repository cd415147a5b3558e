"""Count the changes of a category, so that no operator overwrites what another did meanwhile."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0013_photo_removal")]

    operations = [
        migrations.AddField(
            "category", "version", models.PositiveIntegerField(db_default=1, default=1, editable=False, verbose_name="version")
        )
    ]
