"""Finding items: words, times and distances."""

import unicodedata
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.items import queries
from apps.items.api import filters
from apps.items.errors import ItemNotFoundError
from apps.items.queries import searching
from apps.items.queries.searching import Search
from gdmarket import ids
from tests.factories.items import BusyPeriodFactory, ItemFactory, item_shown_exactly

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def found(parameters: dict[str, str]) -> list[Any]:
    """Return the ids of the items that a query string finds."""
    search, order = filters.search(parameters=parameters)
    return [row["id"] for row in search.fetch(order=order, after=None, limit=100)]


def near(place: tuple[float, float], *, radius_m: int, order: tuple[str, ...] = searching.NEAREST) -> list[Any]:
    """Return the items near a place."""
    search = Search(values={"latitude": place[0], "longitude": place[1], "radius_m": radius_m})
    return search.fetch(order=order, after=None, limit=100)


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
    assert found({"q": words}) == ([item.id] if is_found else [])


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
    assert found({"q": words}) == [item.id]


@pytest.mark.parametrize(
    "asked", ["전동 공구", "전동공구", "전동\u00a0공구", unicodedata.normalize("NFD", "전동 공구"), "전동-공구", "전동\u200b공구"]
)
def test_a_category_is_one_however_it_is_written(asked: str) -> None:
    items = [ItemFactory(category="전동 공구"), ItemFactory(category="전동공구"), ItemFactory(category="전동\u00a0공구")]
    ItemFactory(category="전동")
    assert set(found({"category": asked})) == {item.id for item in items}


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
    rows = queries.free(items=queries.list_listed_items(), starts_at=starts_at, ends_at=ends_at, now=NOON - 9 * DAY)
    assert list(rows) == ([item] if is_free else [])


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
    rows = near(city_hall, radius_m=2_000)
    assert {row["id"]: row["distance_m"] for row in rows} == {here.id: 0, tower.id: pytest.approx(1_909, abs=5)}


def test_an_item_in_the_box_but_beyond_the_radius_is_left_out() -> None:
    item_shown_exactly(latitude=0.0088, longitude=0.0088)
    assert near((0.0, 0.0), radius_m=1_000) == []
    assert len(near((0.0, 0.0), radius_m=1_400)) == 1


@pytest.mark.parametrize(
    ("place", "item_at"),
    [((0.0, 179.99), (0.0, -179.99)), ((0.0, -179.99), (0.0, 179.99)), ((89.99, 0.0), (89.99, 180.0)), ((-90.0, 0.0), (-89.99, 77.0))],
)
def test_distance_works_across_the_date_line_and_the_poles(place: tuple[float, float], item_at: tuple[float, float]) -> None:
    item_shown_exactly(latitude=item_at[0], longitude=item_at[1])
    assert len(near(place, radius_m=3_000)) == 1
    assert len(near(place, radius_m=3_000, order=searching.NEWEST)) == 1
