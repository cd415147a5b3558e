"""Names come in the order of their code points on every database; a column for what searches compare."""

from typing import ClassVar

from django.db import migrations

from gdmarket import text_columns


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "ALTER_COLUMN": "Only the collation changes, which the version before does not name. "
        "No index or constraint has the column: it is locked only briefly.",
    }
    dependencies = [("rentals", "0002_no_overlap")]

    operations = [
        migrations.AddField("rental", "search_text", text_columns.FoldedField(editable=False, null=True, of=("item_name",))),
        text_columns.alter_to_names("rentals_rental", item_name=text_columns.NameField(max_length=100, verbose_name="item")),
    ]
