"""Generations are merged into one row for each id; the previous version can still read and write; and the migrations back."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from apps.status_view.models import ItemStatus
from apps.status_view.services import projecting
from gdmarket import ids
from tests.migrating import migrate, newest
from tests.unit.status_view.facts import NOON

BEFORE, CLOSED = (("status_view", name) for name in ("0002_generations", "0003_one_generation"))
ITEM: dict[str, Any] = {"version": 3, "manager_id": ids.uuid7(), "name": "드릴", "revision": 7, "updated_at": NOON}


@pytest.fixture
def before(transactional_db: None) -> Iterator[Any]:
    then = migrate(BEFORE)
    _models(then)[1].all().delete()
    yield then
    migrate(newest("status_view"))


def _models(then: Any) -> tuple[Any, Any]:
    return then.get_model("status_view", "ItemStatus").objects, then.get_model("status_view", "Generations").objects


def _write_as_before(items: Any, row: Any, **changes: Any) -> None:
    """Write a row as the version before does: by its key, and naming every column."""
    for name, value in changes.items():
        setattr(row, name, value)
    columns = [field.name for field in items.model._meta.concrete_fields if not field.primary_key]
    items.bulk_create([row], update_conflicts=True, unique_fields=["key"], update_fields=columns)


@pytest.mark.parametrize("active", [1, 2])
def test_the_rows_of_the_generation_that_was_read_stay(before: Any, active: int) -> None:
    items, generations = _models(before)
    item_id = ids.uuid7()
    generations.create(pk=1, active=active, previous=3 - active, newest=2)
    items.create(generation=active, id=item_id, **ITEM)
    items.create(generation=3 - active, id=item_id, **ITEM | {"name": "of the other generation"})
    items.create(generation=3 - active, id=ids.uuid7(), **ITEM)

    migrate(newest("status_view"))

    assert ItemStatus.objects.values("id", *ITEM).get() == {"id": item_id, **ITEM}


def test_a_view_that_was_never_rebuilt_is_migrated_too(before: Any) -> None:
    items, _ = _models(before)
    items.create(id=ids.uuid7(), **ITEM)

    migrate(newest("status_view"))

    assert ItemStatus.objects.values(*ITEM).get() == ITEM


def test_the_version_before_reads_and_writes_beside_this_one(before: Any) -> None:
    items, generations = _models(before)
    theirs, ours = sorted([ids.uuid7(), ids.uuid7()])
    generations.create(pk=1, active=4, previous=3, newest=4)
    items.create(generation=4, id=theirs, **ITEM)
    migrate(newest("status_view"))
    with transaction.atomic():
        _bring_to(ours, name="ours")

    active = generations.get().active
    assert sorted(items.filter(generation=active).values_list("id", "name")) == [(theirs, "드릴"), (ours, "ours")]
    for item_id in (theirs, ours):
        _write_as_before(items, items.get(generation=active, id=item_id), name="again", revision=8)
    items.bulk_create([items.model(generation=active, id=ours)], ignore_conflicts=True)

    assert sorted(ItemStatus.objects.values_list("id", "name", "revision")) == [(theirs, "again", 8), (ours, "again", 8)]
    # It begins no rebuild, discards nothing and has nothing to go back to.
    assert not generations.filter(Q(token=None) | Q(leased_until__lte=Now())).exists()
    assert generations.values_list("previous", "building").get() == (None, None)


def test_a_handler_of_the_version_before_that_began_earlier_adds_no_second_row(before: Any) -> None:
    items, _ = _models(before)
    item_id = ids.uuid7()
    items.create(id=item_id, **ITEM)
    migrate(newest("status_view"))

    items.bulk_create([items.model(generation=2, id=item_id)], ignore_conflicts=True)

    assert ItemStatus.objects.count() == 1


def test_back_again_the_rows_are_there_and_can_be_rebuilt(before: Any) -> None:
    migrate(newest("status_view"))
    item_id = ids.uuid7()
    with transaction.atomic():
        _bring_to(item_id, name="ours")

    items, generations = _models(migrate(BEFORE))

    assert items.values_list("generation", "id", "name").get() == (1, item_id, "ours")
    assert generations.values_list("active", "token").get() == (1, None)


def test_closing_can_be_repeated_where_it_was_killed(before: Any) -> None:
    items, generations = _models(before)
    generations.create(pk=1, active=2, building=3, newest=3)
    items.create(generation=2, id=ids.uuid7(), **ITEM)
    migrate(CLOSED)
    # Written by a handler that began before.
    items.create(generation=3, id=ids.uuid7(), **ITEM)

    migrate(newest("status_view"))

    assert ItemStatus.objects.count() == 1


def _bring_to(item_id: UUID, *, name: str) -> None:
    rows = projecting.lock_rows(item_ids=[item_id])
    rows.change(rows.items[item_id], ITEM | {"name": name})
    projecting.save(rows=rows)
