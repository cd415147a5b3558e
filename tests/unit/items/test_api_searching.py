"""The list of items over HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.items.queries import density
from tests.factories.items import BusyPeriodFactory, ItemFactory, item_shown_exactly

pytestmark = pytest.mark.django_db

ITEMS = "/api/v1/items"
NOON = datetime(2036, 5, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def _names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [item["name"] for item in answer.json()["results"]]


def _named(answer: Any) -> dict[str, str]:
    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json"), answer.content
    return {error["field"]: error["code"] for error in answer.json()["errors"]}


def test_the_newest_items_come_first_and_withdrawn_ones_are_left_out(api: APIClient) -> None:
    ItemFactory(name="old", registered_at=NOON)
    ItemFactory(name="new", registered_at=NOON + DAY)
    ItemFactory(name="gone", withdrawn=True)
    answer = api.get(ITEMS)
    assert _names(answer) == ["new", "old"]
    assert (answer.json()["next"], answer.json()["previous"]) == (None, None)
    assert "distance_m" not in answer.json()["results"][0]


def test_pages_by_distance_follow_each_other(api: APIClient) -> None:
    for number in range(5):
        item_shown_exactly(name=f"item {number}", latitude=37.5 + (number // 2) * 0.001, longitude=127.0)
    seen, address = [], f"{ITEMS}?near=37.5,127.0&limit=2"
    while address:
        answer = api.get(address)
        seen += [(item["distance_m"], item["name"]) for item in answer.json()["results"]]
        address = answer.json()["next"]
    assert [distance for distance, _ in seen] == [0, 0, 111, 111, 222]
    assert sorted(name for _, name in seen) == [f"item {number}" for number in range(5)]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=텐트", ["tent 텐트"]),
        ("q=DRILL", ["drill"]),
        ("category=캠핑", ["tent 텐트"]),
        ("category=캠", []),
        ("max_daily_price=5000", ["drill"]),
        ("availability=rented", ["drill"]),
        ("ordering=name", ["drill", "tent 텐트"]),
        ("ordering=-name", ["tent 텐트", "drill"]),
        ("ordering=daily_price", ["drill", "tent 텐트"]),
        ("ordering=-daily_price", ["tent 텐트", "drill"]),
        ("ordering=registered_at", ["drill", "tent 텐트"]),
        ("ordering=-registered_at", ["tent 텐트", "drill"]),
        ("near=37.5,127.0", ["drill"]),
        ("near=37.5,127.0&radius_m=20000", ["drill", "tent 텐트"]),
        ("near=37.5,127.0&radius_m=20000&ordering=-distance", ["tent 텐트", "drill"]),
        ("near=37.5,127.0&radius_m=20000&ordering=name&q=tent", ["tent 텐트"]),
        ("q=&category=", ["tent 텐트", "drill"]),
    ],
)
def test_the_list_filters_and_orders(api: APIClient, query: str, names: list[str]) -> None:
    item_shown_exactly(name="drill", daily_price=5_000, availability="rented", registered_at=NOON, latitude=37.5, longitude=127.0)
    item_shown_exactly(name="tent 텐트", category="캠핑", daily_price=9_000, registered_at=NOON + DAY, latitude=37.6, longitude=127.1)
    assert _names(api.get(f"{ITEMS}?{query}")) == names


@pytest.mark.parametrize(
    ("query", "is_free"),
    [
        ("free_from=2036-04-30T12:00:00Z", True),
        ("free_from=2036-04-30T12:00:01Z", False),
        ("free_from=2036-05-02T21:00:00+09:00", True),
        ("free_from=2036-05-02T20:59:59%2B09:00", False),
        ("free_from=2036-04-01T00:00:00Z&free_to=2036-05-01T12:00:00Z", True),
        ("free_from=2036-04-01T00:00:00Z&free_to=2036-05-01T12:00:00.5Z", False),
    ],
)
def test_an_item_is_free_outside_its_busy_periods(api: APIClient, query: str, is_free: bool) -> None:
    BusyPeriodFactory(item=ItemFactory(name="drill"), starts_at=NOON, ends_at=NOON + DAY)
    assert _names(api.get(f"{ITEMS}?{query}")) == (["drill"] if is_free else [])


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("colour=red", {"colour": "unknown_parameter"}),
        ("near=seoul", {"near": "invalid"}),
        ("near=37.5", {"near": "invalid"}),
        ("near=91,127", {"near": "invalid"}),
        ("near=nan,127", {"near": "invalid"}),
        ("near=37.5,127,3", {"near": "invalid"}),
        ("near=37.5,127&radius_m=0", {"radius_m": "min_value"}),
        ("near=37.5,127&radius_m=50001", {"radius_m": "max_value"}),
        ("near=37.5,127&radius_m=1.5", {"radius_m": "invalid"}),
        ("radius_m=100", {"radius_m": "needs_near"}),
        ("near=&radius_m=100", {"radius_m": "needs_near"}),
        ("ordering=distance", {"ordering": "needs_near"}),
        ("ordering=colour", {"ordering": "invalid_choice"}),
        ("availability=lost", {"availability": "invalid_choice"}),
        ("max_daily_price=-1", {"max_daily_price": "min_value"}),
        ("max_daily_price=cheap", {"max_daily_price": "invalid"}),
        ("max_daily_price=99999999999999999999", {"max_daily_price": "max_value"}),
        ("free_from=tomorrow", {"free_from": "invalid"}),
        ("free_from=2036-05-01", {"free_from": "invalid"}),
        ("free_from=2036-05-01T12:00:00", {"free_from": "invalid"}),
        ("free_from=2036-13-01T12:00:00Z", {"free_from": "invalid"}),
        ("free_from=0001-01-01T00:00:00%2B23:00", {"free_from": "invalid"}),
        ("free_to=2036-05-01T12:00:00Z", {"free_from": "required"}),
        ("free_from=2036-05-01T12:00:00Z&free_to=2036-05-01T12:00:00Z", {"free_to": "ends_before_it_starts"}),
        ("q=" + "x" * 101, {"q": "max_length"}),
        ("limit=0", {"limit": "invalid"}),
        ("limit=101", {"limit": "invalid"}),
        ("cursor=forged", {"cursor": "invalid"}),
        ("near=seoul&radius_m=100&max_daily_price=-1&x=1", {"near": "invalid", "max_daily_price": "min_value", "x": "unknown_parameter"}),
    ],
)
def test_an_invalid_parameter_is_named(api: APIClient, query: str, named: dict[str, str]) -> None:
    assert _named(api.get(f"{ITEMS}?{query}")) == named


def test_the_last_instant_of_the_calendar_is_accepted(api: APIClient) -> None:
    assert _names(api.get(f"{ITEMS}?free_from=9999-12-31T23:59:59Z")) == []


def test_a_page_takes_one_query_and_the_first_around_a_place_two(api: APIClient, django_assert_num_queries: Any) -> None:
    BusyPeriodFactory.create_batch(3)
    address = f"{ITEMS}?near=37.5663,126.9779&free_from=2036-05-01T12:00:00Z&q=드릴"
    density.clear()
    with django_assert_num_queries(2):  # the first counts what is within the radius, and remembers that it is little
        assert len(_names(api.get(address))) == 3
    api.get(f"{ITEMS}?category=공구")  # what it means is remembered for a while
    for path in (address, ITEMS, f"{ITEMS}?category=공구", f"{ITEMS}?ordering=daily_price"):
        with django_assert_num_queries(1):
            api.get(path)
