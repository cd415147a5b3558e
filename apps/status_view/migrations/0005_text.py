"""Names come in the order of their code points on every database; columns for what searches compare."""

from typing import ClassVar

from django.db import migrations

from gdmarket import text_columns


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "ALTER_COLUMN": "Only the collation changes, which the version before does not name. "
        "No index or constraint has the columns: it is locked only briefly.",
    }
    dependencies = [("status_view", "0004_rebuild_in_place")]

    operations = [
        migrations.AddField(
            "itemstatus", "search_text", text_columns.FoldedField(editable=False, null=True, of=("name", "category", "place"))
        ),
        migrations.AddField("itemstatus", "category_key", text_columns.FoldedField(editable=False, null=True, of=("category",))),
        migrations.AddField("rentalstatus", "search_text", text_columns.FoldedField(editable=False, null=True, of=("item_name",))),
        text_columns.alter_to_names(
            "status_view_itemstatus",
            name=text_columns.NameField(default="", max_length=100, verbose_name="name"),
            category=text_columns.NameField(default="", max_length=40, verbose_name="category"),
            place=text_columns.NameField(default="", max_length=100, verbose_name="place"),
        ),
        text_columns.alter_to_names(
            "status_view_rentalstatus", item_name=text_columns.NameField(default="", max_length=100, verbose_name="item")
        ),
    ]
