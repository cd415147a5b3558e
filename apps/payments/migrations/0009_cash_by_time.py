"""Index the payments in cash by time, for each reconciliation."""

from typing import ClassVar

from django.db import migrations
from django.db.models import Q

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("payments", "0008_stated_refunds")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns(
            "payments_payment", "payments_in_cash", ["created_at", "id"], condition=Q(method="cash"), where="WHERE method = 'cash'"
        )
    ]
