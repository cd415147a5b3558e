"""Names come in the order of their code points on every database; a column for what searches compare."""

from typing import ClassVar

from django.db import migrations

from gdmarket import text_columns


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = {
        "ALTER_COLUMN": "Only the collation changes, which the version before does not name. "
        "A table of people is small: it is locked only briefly.",
    }
    dependencies = [("accounts", "0002_known_origins")]

    operations = [
        migrations.AddField("user", "search_text", text_columns.FoldedField(editable=False, null=True, of=("display_name", "email"))),
        text_columns.alter_to_names(
            "accounts_user",
            display_name=text_columns.NameField(
                max_length=100, validators=[text_columns.refuse_what_shows_nothing], verbose_name="display name"
            ),
            email=text_columns.AddressField(
                error_messages={"unique": "Somebody is registered with this e-mail address."},
                max_length=254,
                unique=True,
                verbose_name="e-mail address",
            ),
        ),
    ]
