"""Managers' own codes of their items."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("items", "0016_blocked_periods")]

    operations = [
        migrations.AddField("item", "code", models.CharField(blank=True, max_length=50, null=True, verbose_name="code")),
    ]
