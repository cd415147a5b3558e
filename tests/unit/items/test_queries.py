"""Finding items: words, times and distances."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.items import queries
from apps.items.errors import ItemNotFoundError
from gdmarket import ids
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
    ],
)
def test_an_item_is_found_by_each_of_its_words(words: str, is_found: bool) -> None:
    item = ItemFactory(name="캠핑 텐트", category="캠핑", place="서울 마포구", description="Coleman 4인용")
    assert list(queries.matching(items=queries.list_listed_items(), words=words)) == ([item] if is_found else [])


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
