"""Categories and pickup places arrive in a market that has items: searches go on, and the version before may go on writing."""

from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.items.models import Category, Item
from apps.items.queries import categories as known
from apps.items.services import categories
from gdmarket import clock, ids
from gdmarket.checks import missing_guards
from tests.migrating import migrate, newest

pytestmark = pytest.mark.django_db(transaction=True)
DETAILS = {"daily_price": 8_000, "deposit": 0, "latitude": 37.5, "longitude": 127.0, "place": "성수역", "currency": "KRW"}


def write(items: Any, name: str, category: str) -> None:
    """Write an item as the version before does."""
    times = {"registered_at": clock.now(), "updated_at": clock.now()}
    items.objects.create(id=ids.uuid7(), manager_id=ids.uuid7(), name=name, category=category, **DETAILS, **times)


def found(api: APIClient, **search: str) -> set[str]:
    return {item["name"] for item in api.get("/api/v1/items", search).json()["results"]}


def test_items_of_before_are_found_by_words_and_categories_after_the_migration(api: APIClient) -> None:
    known.clear_cache()
    try:
        before = migrate(("items", "0009_photos")).get_model("items", "Item")
        later = ["items_at_pickup_place", "items_code_of_manager", "items_kept_by_name", "items_of_manager_by_name"]
        assert missing_guards(connection) == later  # and no trigger
        write(before, "캠핑 의자", "캠 핑")
        write(before, "파티 조명", "Party")
    finally:
        migrate(newest("items"))
    write(before, "4인용 텐트", "캠핑")  # while the new version serves already
    assert not Category.objects.exists()
    assert found(api, category="캠핑") == {"캠핑 의자", "4인용 텐트"}

    assert categories.create_missing_categories() == 2

    assert missing_guards(connection) == []
    assert found(api, q="의자") == {"캠핑 의자"}
    assert found(api, q="텐트") == {"4인용 텐트"}
    assert found(api, category="Camping") == {"캠핑 의자", "4인용 텐트"}
    assert found(api, category="파티") == {"파티 조명"}
    assert set(Category.objects.values_list("key", "name_ko")) == {("캠핑", "캠핑"), ("party", "파티")}
    assert set(Item.objects.values_list("category", "version")) == {("캠 핑", 1), ("Party", 1), ("캠핑", 1)}
    known.clear_cache()
