"""Names come in the order of their code points on every database; categories are compared folded, by an index."""

from typing import ClassVar

from django.db import migrations

from gdmarket import text_columns


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "ALTER_COLUMN": "Only the collation changes, which the version before does not name. "
        "Its index is built anew: a second or so for each hundred thousand items.",
    }
    dependencies = [("items", "0001_initial")]

    operations = [
        migrations.AddField("item", "category_key", text_columns.FoldedField(editable=False, null=True, of=("category",))),
        text_columns.alter_to_names(
            "items_item",
            name=text_columns.NameField(max_length=100, verbose_name="name"),
            category=text_columns.NameField(max_length=40, verbose_name="category"),
            place=text_columns.NameField(max_length=100, verbose_name="place"),
        ),
        # The column stays as it is: only who fills it in is new.
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    "item", "search_text", text_columns.FoldedField(editable=False, of=("name", "category", "place", "description"))
                )
            ]
        ),
        # The version before uses this index, so it stays in the database; a later version drops it.
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveIndex("item", "items_category_newest")]),
    ]
