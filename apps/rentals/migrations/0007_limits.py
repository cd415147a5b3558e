"""Bound what a renter holds without paying: a row for each renter, and the latest end of each hold."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """All columns are new; the previous version leaves them empty."""

    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0006_end_of_paid_rentals")]
    on_purpose: ClassVar[dict[str, str]] = dict.fromkeys(
        ["CREATE_INDEX", "CREATE_INDEX_EXCLUSIVE"], "It has the few rentals that may be unpaid: one read of the table."
    )

    operations: ClassVar[list[migrations.operations.base.Operation]] = [
        migrations.CreateModel(
            name="Renter",
            fields=[
                ("renter_id", models.UUIDField(primary_key=True, serialize=False)),
                ("declines", models.JSONField(default=list)),
            ],
        ),
        migrations.AddField("rental", "hold_limit_at", models.DateTimeField(null=True)),
        migrations.AddIndex(
            "rental",
            models.Index(
                fields=["renter_id"], condition=models.Q(("state__in", ["requested", "paying", "refunding"])), name="rentals_maybe_unpaid"
            ),
        ),
    ]
