"""Renters without an account, and that a rental is paid in cash."""

from typing import ClassVar

from django.db import migrations, models

import gdmarket.text_columns


class Migration(migrations.Migration):
    """The column is null where the version before writes a row: SQLite adds it in place, and the guard of the table stays."""

    dependencies: ClassVar = [("rentals", "0010_lists")]
    operations: ClassVar = [
        migrations.CreateModel(
            name="Guest",
            fields=[
                ("renter_id", models.UUIDField(primary_key=True, serialize=False)),
                ("name", gdmarket.text_columns.NameField(max_length=100)),
                ("contact", models.CharField(blank=True, max_length=100)),
                ("search_text", gdmarket.text_columns.FoldedField(editable=False, of=("name", "contact"))),
                ("created_at", models.DateTimeField()),
            ],
        ),
        migrations.AddField("rental", "in_cash", models.BooleanField(null=True, verbose_name="in cash")),
    ]
