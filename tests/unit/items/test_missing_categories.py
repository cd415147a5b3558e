"""Categories that are made of what items had before."""

from collections.abc import Iterator
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.items import domain
from apps.items.models import Category, Item
from apps.items.queries import categories as known
from apps.items.services import categories
from gdmarket import text_columns
from gdmarket.bus.models import Event
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    known.clear_cache()
    yield
    known.clear_cache()


def without_categories() -> None:
    Category.objects.all().delete()
    known.clear_cache()


def test_every_text_of_before_becomes_a_category_and_is_found_and_nothing_is_published() -> None:
    without_categories()
    texts = ["파티", "파 티", "파티", "파티", "Party", "party", "고철", "PARTY!", "!!!"]
    items = [ItemFactory(category=text) for text in texts]

    assert categories.create_missing_categories() == 3

    made = {"파티": ("Party", "party"), "고철": ("고철", "box"), "기타": ("Other", "box")}
    assert {key: (name, icon) for key, name, icon in Category.objects.values_list("key", "name_en", "icon")} == made
    keys = dict(zip(("파티", "고철", "기타"), ([0, 1, 2, 3, 4, 5, 7], [6], [8]), strict=True))
    for key, numbers in keys.items():
        assert set(Item.objects.filter(category_key=key)) == {items[at] for at in numbers}
    assert [Item.objects.get(id=item.id).category for item in items] == texts
    assert not Event.objects.exists()
    assert categories.create_missing_categories() == 0


def test_what_the_version_before_writes_meanwhile_is_adopted_too() -> None:
    mine = ItemFactory(category="캠핑")
    for text in ("camping", "새 분류"):
        ItemFactory(category=text)
    Item.objects.filter(id=mine.id).update(category_key=None)
    assert categories.create_missing_categories() == 1
    assert sorted(Item.objects.values_list("category", "category_key")) == [("camping", "캠핑"), ("새 분류", "새분류"), ("캠핑", "캠핑")]


def test_an_item_that_the_version_before_writes_while_categories_are_made_waits_for_the_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    late = ItemFactory(category="캠핑")
    refold = text_columns.refold

    def refold_and_write(*, rows: Any) -> None:
        refold(rows=rows)
        Item.objects.filter(id=late.id).update(category_key=None)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(text_columns, "refold", refold_and_write)
        assert categories.create_missing_categories() == 0
    assert Item.objects.get(id=late.id).category_key is None
    categories.create_missing_categories()
    assert Item.objects.get(id=late.id).category_key == "캠핑"


def test_only_the_categories_of_most_items_can_be_chosen_where_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    without_categories()
    monkeypatch.setattr(domain, "MAX_ACTIVE_CATEGORIES", 2)
    for text, items in (("하나", 1), ("셋", 3), ("둘", 2)):
        ItemFactory.create_batch(items, category=text)
    assert categories.create_missing_categories() == 3
    assert [each.key for each in known.list_categories()] == ["셋", "둘"]
    assert not Category.objects.get(key="하나").is_active


def test_adopting_takes_as_many_statements_however_many_items_there_are() -> None:
    without_categories()
    counted = []
    for _ in range(2):
        ItemFactory.create_batch(20, category="파티")
        with CaptureQueriesContext(connection) as run:
            categories.create_missing_categories()
        counted.append(len(run))
        without_categories()
    assert counted[0] == counted[1]


def test_a_market_with_items_gets_no_default_categories_by_the_migration() -> None:
    without_categories()
    migration = import_module("apps.items.migrations.0010_categories")
    ItemFactory()
    migration.add_defaults(apps, SimpleNamespace(connection=connection))
    assert not Category.objects.exists()
