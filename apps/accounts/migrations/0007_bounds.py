"""Find the wrong passwords that no longer count, and the origins of one account."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = dict.fromkeys(
        ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"], "Failures are kept an hour, and origins are few: the tables are locked for a moment."
    )
    dependencies = [("accounts", "0006_one_form_of_domains")]

    operations = [
        migrations.AddField(
            model_name="knownorigin",
            name="account",
            field=models.CharField(db_default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="knownorigin",
            index=models.Index(fields=["account", "seen_at"], name="accounts_known_origin_account"),
        ),
        migrations.AddIndex(
            model_name="failedlogin",
            index=models.Index(fields=["failed_at"], name="accounts_failed_login_at"),
        ),
    ]
