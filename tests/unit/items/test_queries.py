"""Finding items: words, times and distances."""

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connections

from apps.items import queries
from apps.items.errors import ItemNotFoundError
from gdmarket import databases, ids
from tests.factories.items import BusyPeriodFactory, ItemFactory, item_shown_exactly

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_withdrawn_or_unknown_item_is_not_found() -> None:
    for item_id in (ItemFactory(withdrawn=True).id, ids.uuid7()):
        with pytest.raises(ItemNotFoundError):
            queries.get_item(item_id=item_id)


@pytest.mark.parametrize(
    ("words", "is_found"),
    [
        ("텐트", True),
        ("캠핑텐트", True),
        ("텐트 마포", True),
        ("coleman", True),
        ("COLEMAN 4인용", True),
        ("텐트 강남", False),
        ("%", False),
        ("_", False),
        ("", True),
        ("\u3000", True),
        ("캠핑\u00a0텐트", True),
        ("캠\u200b핑", True),
        ("캠핑-텐트!", True),
        ("텐트,마포", True),
        ("서울마포", True),
        ("ｃｏｌｅｍａｎ", True),
        ("4 인용", True),
        ("4인 용", True),
        ("coleman4인용", True),
        (unicodedata.normalize("NFD", "텐트"), True),
        ("텐트서울", False),
    ],
)
def test_an_item_is_found_by_each_of_its_words(words: str, is_found: bool) -> None:
    item = ItemFactory(name="캠핑 텐트", category="캠핑", place="서울 마포구", description="Coleman 4인용")
    assert list(queries.matching(items=queries.list_listed_items(), words=words)) == ([item] if is_found else [])


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("캠핑\u00a0의자", "캠핑의자"),
        ("캠핑의자", "캠핑 의자"),
        (unicodedata.normalize("NFD", "캠핑 의자"), "캠핑의자"),
        ("캠핑\u3164의자", "캠핑의자"),
        ("DSLR-카메라", "dslr 카메라"),
        ("[새것] 드릴·비트 세트", "드릴비트세트"),
    ],
)
@pytest.mark.parametrize("field", ["name", "category", "place", "description"])
def test_an_item_is_found_however_its_words_are_spaced_and_typed(field: str, name: str, words: str) -> None:
    item = ItemFactory(**{field: name})
    assert list(queries.matching(items=queries.list_listed_items(), words=words)) == [item]


@pytest.mark.parametrize(
    "asked", ["전동 공구", "전동공구", "전동\u00a0공구", unicodedata.normalize("NFD", "전동 공구"), "전동-공구", "전동\u200b공구"]
)
def test_a_category_is_one_however_it_is_written(asked: str) -> None:
    items = [ItemFactory(category="전동 공구"), ItemFactory(category="전동공구"), ItemFactory(category="전동\u00a0공구")]
    ItemFactory(category="전동")
    assert set(queries.in_category(items=queries.list_listed_items(), category=asked)) == set(items)


def test_a_search_by_category_uses_the_index_of_the_newest_in_it() -> None:
    for number in range(200):
        ItemFactory(category=f"분류 {number}")
    using = databases.alias_for("items")
    with connections[using].cursor() as cursor:
        cursor.execute("ANALYZE items_item")
    newest = queries.in_category(items=queries.list_listed_items(), category="분류 7").order_by("-registered_at", "id")[:21]
    assert "items_category_key_newest" in newest.explain()


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "is_free"),
    [
        (NOON - DAY, NOON, True),
        (NOON + DAY, NOON + 2 * DAY, True),
        (NOON - DAY, NOON + timedelta(seconds=1), False),
        (NOON + DAY - timedelta(seconds=1), NOON + 2 * DAY, False),
        (NOON + timedelta(hours=1), NOON + timedelta(hours=2), False),
        (NOON - DAY, NOON + 2 * DAY, False),
    ],
)
def test_back_to_back_is_free_and_overlapping_is_not(starts_at: datetime, ends_at: datetime, is_free: bool) -> None:
    item = ItemFactory()
    BusyPeriodFactory(item=item, starts_at=NOON, ends_at=NOON + DAY)
    BusyPeriodFactory(item=item, starts_at=NOON - 9 * DAY, ends_at=NOON + 9 * DAY, hold="over")
    found = queries.free(items=queries.list_listed_items(), starts_at=starts_at, ends_at=ends_at, now=NOON - 9 * DAY)
    assert list(found) == ([item] if is_free else [])


def test_an_overdue_item_is_never_free() -> None:
    BusyPeriodFactory(starts_at=NOON, ends_at=NOON + DAY, hold="rented")
    soon = {"starts_at": NOON + 5 * DAY, "ends_at": NOON + 6 * DAY}
    assert queries.free(items=queries.list_listed_items(), now=NOON + DAY - timedelta(seconds=1), **soon).count() == 1
    assert queries.free(items=queries.list_listed_items(), now=NOON + DAY, **soon).count() == 0


def test_items_nearby_have_their_distance() -> None:
    city_hall, namsan = (37.5663, 126.9779), (37.5512, 126.9882)
    here = item_shown_exactly(latitude=city_hall[0], longitude=city_hall[1])
    tower = item_shown_exactly(latitude=namsan[0], longitude=namsan[1])
    ItemFactory(latitude=35.1796, longitude=129.0756)
    found = queries.near(items=queries.list_listed_items(), latitude=city_hall[0], longitude=city_hall[1], radius_m=2_000)
    assert {item.id: item.distance_m for item in found} == {here.id: 0, tower.id: pytest.approx(1_909, abs=5)}  # type: ignore[attr-defined]  # an annotation


def test_an_item_in_the_box_but_beyond_the_radius_is_left_out() -> None:
    item_shown_exactly(latitude=0.0088, longitude=0.0088)
    assert queries.near(items=queries.list_listed_items(), latitude=0.0, longitude=0.0, radius_m=1_000).count() == 0
    assert queries.near(items=queries.list_listed_items(), latitude=0.0, longitude=0.0, radius_m=1_400).count() == 1


@pytest.mark.parametrize(
    ("place", "item_at"),
    [((0.0, 179.99), (0.0, -179.99)), ((0.0, -179.99), (0.0, 179.99)), ((89.99, 0.0), (89.99, 180.0)), ((-90.0, 0.0), (-89.99, 77.0))],
)
def test_distance_works_across_the_date_line_and_the_poles(place: tuple[float, float], item_at: tuple[float, float]) -> None:
    item_shown_exactly(latitude=item_at[0], longitude=item_at[1])
    assert queries.near(items=queries.list_listed_items(), latitude=place[0], longitude=place[1], radius_m=3_000).count() == 1


def test_the_antipode_has_a_distance_too() -> None:
    item_shown_exactly(latitude=-37.5663, longitude=126.9779 - 180)
    found = queries.near(items=queries.list_listed_items(), latitude=37.5663, longitude=126.9779, radius_m=30_000_000)
    assert [item.distance_m for item in found] == [pytest.approx(20_015_087, abs=2)]  # type: ignore[attr-defined]  # an annotation
