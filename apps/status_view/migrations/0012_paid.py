"""Index paid rentals by the end of their period and manager, for the figures of the desk."""

from typing import ClassVar

from django.db import migrations
from django.db.models import Q

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("status_view", "0011_thumbnails")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns(
            "status_view_rentalstatus",
            "status_view_rental_paid_of",
            ["manager_id", "ends_at"],
            condition=Q(paid_at__isnull=False),
            where="WHERE paid_at IS NOT NULL",
        ),
    ]
