"""Index the payments whose item is still to be filled in."""

from typing import ClassVar

from django.db import migrations
from django.db.models import Q

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar = [("payments", "0010_item")]
    operations: ClassVar = [
        index_columns("payments_payment", "payments_without_item", ["rental_id"], condition=Q(item_id=None), where="WHERE item_id IS NULL")
    ]
