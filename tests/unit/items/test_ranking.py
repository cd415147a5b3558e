"""The order of what is found by words: in the name first, then the newest, page after page, forth and back."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from rest_framework.test import APIClient

from apps.items.models import Item
from apps.items.queries import words
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

NOON = datetime(2036, 5, 1, 12, tzinfo=UTC)


def items(*names: str, **details: Any) -> None:
    for number, name in enumerate(names):
        ItemFactory(name=name, registered_at=NOON + timedelta(minutes=number), **{"description": "", **details})


def walk(api: APIClient, address: str, *, direction: str = "next") -> list[list[str]]:
    pages = []
    while address:
        answer = api.get(address).json()
        pages.append([item["name"] for item in answer["results"]])
        address = answer[direction]
    return pages


def test_items_with_all_words_in_their_name_come_before_others() -> None:
    items("드릴 1", "톱 1", "드릴 2", "톱 2", description="드릴과 톱")
    assert walk(APIClient(), "/api/v1/items?q=드릴") == [["드릴 2", "드릴 1", "톱 2", "톱 1"]]
    assert walk(APIClient(), "/api/v1/items?q=톱") == [["톱 2", "톱 1", "드릴 2", "드릴 1"]]
    assert walk(APIClient(), "/api/v1/items?q=드릴 톱") == [["톱 2", "드릴 2", "톱 1", "드릴 1"]]


def test_an_order_that_is_asked_for_is_the_only_one() -> None:
    items("드릴", "톱", description="드릴과 톱")
    assert walk(APIClient(), "/api/v1/items?q=드릴&ordering=-registered_at") == [["톱", "드릴"]]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_pages_of_ranked_items_follow_one_another_forth_and_back(limit: int) -> None:
    items("드릴 1", "톱 1", "드릴 2", "톱 2", "드릴 3", description="드릴과 톱")
    ranked = ["드릴 3", "드릴 2", "드릴 1", "톱 2", "톱 1"]
    pages = [ranked[at : at + limit] for at in range(0, 5, limit)]
    assert walk(APIClient(), f"/api/v1/items?q=드릴&limit={limit}") == pages
    address = f"/api/v1/items?q=드릴&limit={limit}"
    while following := APIClient().get(address).json()["next"]:
        address = following
    back = walk(APIClient(), address, direction="previous")[::-1]
    assert [name for page in back for name in page] == ranked


def test_a_cursor_of_another_order_is_refused() -> None:
    items("드릴", "톱", description="드릴")
    following = APIClient().get("/api/v1/items?q=드릴&limit=1").json()["next"]
    answer = APIClient().get(following.replace("/items?", "/items?ordering=name&"))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("톱", ["톱", "톱니"]),
        ("니", ["톱니"]),
        ("니칼", []),
        ("톱 날", ["톱니"]),
        ("날톱", []),
        ("$5", ["$5 쿠폰"]),
        ("🎸", ["🎸 기타"]),
        ("a'b", []),
    ],
)
def test_words_of_one_character_signs_and_pictures_are_found(words: str, names: list[str]) -> None:
    for name, place in (("톱", "서울"), ("톱니", "날"), ("$5 쿠폰", "서울"), ("🎸 기타", "서울")):
        ItemFactory(name=name, place=place, category="물건", description="")
    assert sorted(walk(APIClient(), f"/api/v1/items?q={words}")[0]) == names


def test_a_revised_item_is_found_by_its_new_words_alone() -> None:
    items("드릴")
    item = Item.objects.get()
    item.name = "텐트"
    item.save()
    assert walk(APIClient(), "/api/v1/items?q=드릴") == [[]]
    assert walk(APIClient(), "/api/v1/items?q=텐트") == [["텐트"]]


def test_the_index_is_not_used_before_all_items_are_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("PostgreSQL says of each index whether it is complete.")
    items("드릴")
    monkeypatch.setattr(words, "_has_index", set())
    with connection.cursor() as cursor:
        # As an earlier `migrate` left it that was interrupted: the triggers are there, what was there before is not filled in.
        cursor.execute("DROP VIEW items_bigrams_filled")
        cursor.execute("INSERT INTO items_bigrams (items_bigrams) VALUES ('delete-all')")
    assert walk(APIClient(), "/api/v1/items?q=드릴") == [["드릴"]]
