"""Index everybody's rentals by when they were requested, and the paid ones by when they begin, for the desk of an operator."""

from typing import ClassVar

from django.db import migrations
from django.db.models import Q

from gdmarket.indexing import index_columns


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("rentals", "0012_at_hand")]
    operations: ClassVar[list[migrations.SeparateDatabaseAndState]] = [
        index_columns("rentals_rental", "rentals_requested", ["requested_at"]),
        index_columns("rentals_rental", "rentals_to_hand_over", ["starts_at"], condition=Q(state="paid"), where="WHERE state = 'paid'"),
    ]
