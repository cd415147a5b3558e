"""Find the items that are not withdrawn by name, of one manager and of all, for the board: a page reads no more than it shows."""

from typing import ClassVar

from django.db import migrations
from django.db.models import Q

from gdmarket.indexing import index_columns

_IS_KEPT, _WHERE = Q(withdrawn_at=None), "WHERE withdrawn_at IS NULL"


class Migration(migrations.Migration):
    atomic = False
    dependencies: ClassVar[list[tuple[str, str]]] = [("items", "0019_imports")]

    operations = [
        index_columns("items_item", "items_kept_by_name", ["name", "id"], condition=_IS_KEPT, where=_WHERE),
        index_columns("items_item", "items_of_manager_by_name", ["manager_id", "name", "id"], condition=_IS_KEPT, where=_WHERE),
    ]
