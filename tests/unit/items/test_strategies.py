"""However a page is looked for, it is the one that sorting everything would give: with limits so low that random items try every way."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.items import domain
from apps.items.models import BusyPeriod, Item
from apps.items.queries import density, searching, shapes
from apps.items.queries.searching import Search
from gdmarket import databases, ids, text

pytestmark = pytest.mark.django_db

NOON = datetime(2036, 5, 1, 12, tzinfo=UTC)
FREE = {"free_from": NOON, "free_to": NOON + timedelta(days=1), "now": NOON - timedelta(days=1)}
PLACE = {"latitude": 37.55, "longitude": 127.0}
TOTAL = 150
NEAR: list[dict[str, Any]] = [{}, {**PLACE, "radius_m": 3_000}, {**PLACE, "radius_m": 50_000}]
FILTERS: list[dict[str, Any]] = [
    {},
    {"category_key": "캠핑"},
    {"daily_price": 3_000},
    {"daily_price": 1},
    {"availability": "reserved"},
    {"availability": "rented"},
    FREE,
    {"category_key": "캠핑", "daily_price": 9_000, **FREE},
]
WORDS = ["", "드릴", "톱", "텐트 서울", "드릴 비트", "배송", "현미경", "뷁"]
ORDERS = [searching.NEWEST, ("registered_at", "id"), ("daily_price", "id"), ("-name", "-id")]
RANKED = [searching.BEST, ("-rank", "registered_at", "id")]
BY_DISTANCE = [searching.NEAREST, ("-distance_m", "-id")]


@pytest.fixture(autouse=True)
def low_limits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shapes, "SCAN_LIMIT", 9)
    for name, low in (("MAX_IN_RING", 12), ("MAX_READ_AT_ONCE", 4), ("MAX_RINGS", 6)):
        monkeypatch.setattr(searching, name, low)
    shapes.prepared.cache_clear()
    density.clear()
    yield
    shapes.prepared.cache_clear()
    density.clear()


@pytest.fixture
def made() -> list[dict[str, Any]]:
    """Items, of which few are told apart by one column alone."""
    chance = random.Random(11)
    manager, items = ids.uuid7(), []
    for number in range(TOTAL):
        noun, category = chance.choice([("드릴", "공구"), ("드릴 비트", "공구"), ("톱", "공구"), ("텐트", "캠핑"), ("랜턴", "캠핑")])
        spread = chance.choice([0.0005, 0.01, 0.2])
        place = (round(37.55 + chance.gauss(0, spread), 4), round(127.0 + chance.gauss(0, spread), 4))
        item = Item(
            manager_id=manager,
            name=noun + chance.choice(["", "", " 현미경"] if number % 40 == 0 else [""]),
            category=category,
            place=chance.choice(["서울", "부산"]),
            description=chance.choice(["", "배송", "드릴과 톱", "비트"]),
            daily_price=chance.randrange(1, 20) * 1_000,
            availability=chance.choice(["available"] * 9 + ["reserved"]),
            registered_at=NOON - timedelta(minutes=chance.randrange(60)),
            updated_at=NOON,
            latitude=place[0],
            longitude=place[1],
            shown_latitude=place[0],
            shown_longitude=place[1],
        )
        items.append(item)
    Item.objects.bulk_create(items)
    period = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=4), "hold": "reserved", "version": 1}
    BusyPeriod.objects.bulk_create([BusyPeriod(rental_id=ids.uuid7(), item=item, **period) for item in chance.sample(items, TOTAL // 3)])
    busy = set(BusyPeriod.objects.values_list("item_id", flat=True))
    return [{**item, "is_busy": item["id"] in busy} for item in Item.objects.values()]


def expected(items: Sequence[dict[str, Any]], *, words: Sequence[str], values: Mapping[str, Any], order: Sequence[str]) -> list[Any]:
    """Return the ids of what is looked for, in order, as told in Python of all items."""
    rows = []
    for item in items:
        name = item["search_text"].split("\n")[0]
        here = (values.get("latitude", 0.0), values.get("longitude", 0.0))
        distance_m = round(domain.distance_m(here=here, there=(item["shown_latitude"], item["shown_longitude"])))
        if (
            all(word in item["search_text"] for word in words)
            and values.get("category_key", item["category_key"]) == item["category_key"]
            and values.get("daily_price", item["daily_price"]) >= item["daily_price"]
            and values.get("availability", item["availability"]) == item["availability"]
            and not ("free_from" in values and item["is_busy"])
            and distance_m <= values.get("radius_m", distance_m)
        ):
            rows.append({**item, "distance_m": distance_m, "rank": 0 if all(word in name for word in words) else 1})
    for column in reversed(order):
        rows.sort(key=itemgetter(column.removeprefix("-")), reverse=column.startswith("-"))
    return [row["id"] for row in rows]


def pages(search: Search, *, order: Sequence[str], limit: int) -> list[Any]:
    found, after = [], None
    while page := search.fetch(order=order, after=after, limit=limit):
        found += [row["id"] for row in page]
        if len(page) < limit:
            break
        after = [page[-1][column.removeprefix("-")] for column in order]
        assert len(found) <= TOTAL, "pages without end"
    return found


def reversed_order(order: Sequence[str]) -> tuple[str, ...]:
    return tuple(column[1:] if column.startswith("-") else f"-{column}" for column in order)


@pytest.mark.parametrize("words", WORDS)
@pytest.mark.parametrize("near", NEAR, ids=["anywhere", "near", "far"])
def test_every_page_is_that_of_all_items_sorted(
    made: list[dict[str, Any]], words: str, near: Mapping[str, Any], request: pytest.FixtureRequest
) -> None:
    is_short = connections[databases.alias_for("items")].vendor == "postgresql" and not request.config.option.nightly
    chance = random.Random(words + str(near))
    searched = text.words(text=words)
    for values in ({**near, **filters} for filters in chance.sample(FILTERS, 1 if is_short else 2)):
        search = Search(values=values, words=searched)
        for order in [*chance.sample(ORDERS, 1), *(RANKED if searched and not near else []), *(BY_DISTANCE if near else [])]:
            limit = chance.choice([3, 7, 20])
            wanted = expected(made, words=searched, values=values, order=order)
            assert pages(search, order=order, limit=limit) == wanted, (words, values, order, limit)
            # As the page before one is looked for: the other way round.
            assert pages(search, order=reversed_order(order), limit=limit) == wanted[::-1], (words, values, order, limit, "back")


@pytest.mark.parametrize(
    ("words", "values"),
    [
        ("드릴", {"daily_price": 1}),
        ("드릴", {"availability": "rented"}),
        ("뷁", {}),
        ("", {"availability": "rented"}),
        ("", {"category_key": "캠핑", "daily_price": 1}),
    ],
)
@pytest.mark.parametrize("order", BY_DISTANCE)
def test_what_is_not_there_takes_few_statements(
    made: list[dict[str, Any]], words: str, values: Mapping[str, Any], order: Sequence[str]
) -> None:
    search = Search(values={**PLACE, "radius_m": 50_000, **values}, words=text.words(text=words))
    with CaptureQueriesContext(connections[databases.alias_for("items")]) as asked:
        assert search.fetch(order=order, after=None, limit=21) == []
    # What is in each ring, and its items; before them all within the radius, the words and the columns, after them the rest.
    assert len(asked) <= 2 * searching.MAX_RINGS + 6


def test_a_remembered_ring_that_is_too_small_loses_nothing(made: list[dict[str, Any]]) -> None:
    values = {**PLACE, "radius_m": 50_000}
    wanted = expected(made, words=[], values=values, order=searching.NEAREST)
    density.put(values, 1.0)
    assert [row["id"] for row in Search(values=values).fetch(order=searching.NEAREST, after=None, limit=50)] == wanted[:50]


@pytest.mark.parametrize("order", [searching.BEST, searching.NEWEST, searching.NEAREST])
def test_words_that_were_rare_a_minute_ago_are_found_at_once_and_all(made: list[dict[str, Any]], order: Sequence[str]) -> None:
    values = {**PLACE, "radius_m": 50_000} if order == searching.NEAREST else {}
    density.put_rare(["드릴"], rank=None, is_rare=True)
    with CaptureQueriesContext(connections[databases.alias_for("items")]) as asked:
        found = Search(values=values, words=["드릴"]).fetch(order=order, after=None, limit=50)
    assert [row["id"] for row in found] == expected(made, words=["드릴"], values=values, order=order)[:50]
    assert len([query for query in asked if "items_bigrams" not in query["sql"] or "MATCH" in query["sql"] or "@@" in query["sql"]]) == 1


def test_an_item_that_moves_between_two_rings_is_found_once(made: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    run: Callable[..., list[Any]] = Search.run
    moved: list[Any] = []

    def run_and_move(search: Search, shape: Any, **given: Any) -> list[Any]:
        rows = run(search, shape, **given)
        if rows and not moved:
            moved.append(rows[0]["id"])
            Item.objects.filter(id=moved[0]).update(shown_latitude=37.6)
        return rows

    monkeypatch.setattr(Search, "run", run_and_move)
    found = [row["id"] for row in Search(values={**PLACE, "radius_m": 50_000}).fetch(order=searching.NEAREST, after=None, limit=TOTAL)]
    assert len(moved) == 1
    assert len(found) == len(set(found))
