"""Bound each caller's idempotency keys, and count requests across processes."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    on_purpose: ClassVar[dict[str, str]] = dict.fromkeys(
        ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"], "The table has the keys of one day: it is locked for a second or two."
    )
    dependencies = [("rest", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="idempotencykey",
            name="owner",
            field=models.CharField(db_default="", max_length=64),
        ),
        migrations.AddIndex(
            model_name="idempotencykey",
            index=models.Index(fields=["owner", "id"], name="rest_idempotency_key_owner"),
        ),
        migrations.CreateModel(
            name="RequestCount",
            fields=[
                ("subject", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("count", models.PositiveIntegerField()),
                ("ends_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
