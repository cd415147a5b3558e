"""Rows of before there were generations become the first one; and back again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from gdmarket import ids
from tests.migrating import migrate
from tests.unit.status_view.story import NOON

BEFORE, AFTER = ("status_view", "0001_initial"), ("status_view", "0002_generations")
ITEM: dict[str, Any] = {"version": 3, "manager_id": ids.uuid7(), "name": "드릴", "revision": 7, "updated_at": NOON}


@pytest.fixture
def _as_it_was(transactional_db: None) -> Iterator[None]:
    yield
    migrate(AFTER)


@pytest.mark.usefixtures("_as_it_was")
def test_rows_of_before_are_the_first_generation_and_the_version_before_goes_on_writing() -> None:
    item_id = ids.uuid7()
    migrate(BEFORE).get_model("status_view", "ItemStatus").objects.create(id=item_id, **ITEM)

    items = migrate(AFTER).get_model("status_view", "ItemStatus").objects

    assert items.values("generation", "id", *ITEM).get() == {"generation": 1, "id": item_id, **ITEM}
    with connection.cursor() as cursor:
        # As that version writes: of generations it knows nothing.
        columns = [field.column for field in items.model._meta.concrete_fields if field.name not in {"key", "generation"}]
        cursor.execute(
            f"INSERT INTO status_view_itemstatus ({', '.join(columns)}) SELECT {', '.join(columns)} FROM ({_another(columns)}) o"
        )
    assert sorted(items.values_list("generation", flat=True)) == [1, 1]


@pytest.mark.usefixtures("_as_it_was")
def test_back_again_what_was_read_is_there() -> None:
    after = migrate(AFTER)
    item_id = ids.uuid7()
    after.get_model("status_view", "Generations").objects.create(pk=1, active=2, newest=2)
    items = after.get_model("status_view", "ItemStatus").objects
    items.create(generation=1, id=item_id, **ITEM | {"name": "old"})
    items.create(generation=2, id=item_id, **ITEM)

    back = migrate(BEFORE).get_model("status_view", "ItemStatus").objects

    assert back.values("id", *ITEM).get() == {"id": item_id, **ITEM}


def _another(columns: list[str]) -> str:
    fresh = f"'{ids.uuid7().hex}'" + ("::uuid" if connection.vendor == "postgresql" else "")
    return f"SELECT {', '.join(f'{fresh} AS id' if column == 'id' else column for column in columns)} FROM status_view_itemstatus"
