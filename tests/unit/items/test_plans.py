"""What searches read in a large market: by plan, not by time. At length every night, with a hundred thousand items."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from apps.items.models import Item
from apps.items.queries import board, density, searching
from apps.items.queries.searching import Search
from gdmarket import databases, ids, text
from tests.plans import watched_plans

pytestmark = pytest.mark.django_db

NOON = datetime(2036, 5, 1, 12, tzinfo=UTC)
SEOUL = {"latitude": 37.55, "longitude": 127.0}
FREE = {"free_from": NOON, "free_to": NOON + timedelta(days=1), "now": NOON - timedelta(days=1)}
NOUNS = [
    ("전동 드릴", "공구"),
    ("드릴 비트", "공구"),
    ("테이블톱", "공구"),
    ("텐트", "캠핑"),
    ("랜턴", "캠핑"),
    ("카메라", "전자"),
    ("한복", "의류"),
]
MADE = 1_000
_NEW_ID = {"postgresql": "gen_random_uuid()", "sqlite": "lower(hex(randomblob(16)))"}
_EARLIER = {
    "postgresql": "registered_at - copy * interval '1 minute'",
    "sqlite": "strftime('%%Y-%%m-%%d %%H:%%M:%%S', registered_at, '-' || copy || ' minutes')",
}
_SERIES = {
    "postgresql": "generate_series(1, %s) AS copy",
    "sqlite": "(WITH RECURSIVE c (copy) AS (VALUES (1) UNION ALL SELECT copy + 1 FROM c WHERE copy < %s) SELECT copy FROM c)",
}
SEARCHES: dict[str, tuple[str, dict[str, Any], tuple[str, ...]]] = {
    "newest": ("", {}, searching.NEWEST),
    "oldest": ("", {}, ("registered_at", "id")),
    "category": ("", {"category_key": "캠핑"}, searching.NEWEST),
    "cheapest": ("", {}, ("daily_price", "id")),
    "dearest": ("", {}, ("-daily_price", "-id")),
    "by name": ("", {}, ("name", "id")),
    "cheap": ("", {"daily_price": 3_000}, ("daily_price", "id")),
    "available": ("", {"availability": "available"}, searching.NEWEST),
    "free": ("", FREE, searching.NEWEST),
    "common word": ("드릴", {}, searching.BEST),
    "common word, newest": ("드릴", {}, searching.NEWEST),
    "common word, cheapest": ("드릴", {}, ("daily_price", "id")),
    "word in descriptions": ("배송", {}, searching.BEST),
    "one syllable": ("톱", {}, searching.BEST),
    "rare word": ("현미경", {}, searching.BEST),
    "rare word, by name": ("현미경", {}, ("name", "id")),
    "nowhere": ("없는말", {}, searching.BEST),
    "nowhere, one syllable": ("뷁", {}, searching.BEST),
    "two words": ("카메라 서울", {}, searching.BEST),
    "two words that never meet": ("한복 톱", {}, searching.BEST),
    "near": ("", {**SEOUL, "radius_m": 2_000}, searching.NEAREST),
    "near, far": ("", {**SEOUL, "radius_m": 50_000}, searching.NEAREST),
    "farthest": ("", {**SEOUL, "radius_m": 5_000}, ("-distance_m", "-id")),
    "near, common word": ("드릴", {**SEOUL, "radius_m": 10_000}, searching.NEAREST),
    "near, rare word": ("현미경", {**SEOUL, "radius_m": 50_000}, searching.NEAREST),
    "near, nowhere": ("없는말", {**SEOUL, "radius_m": 50_000}, searching.NEAREST),
    "near, common word, free": ("드릴", {**SEOUL, "radius_m": 10_000, **FREE}, searching.NEAREST),
    "near, category, cheap": ("", {**SEOUL, "radius_m": 10_000, "category_key": "캠핑", "daily_price": 5_000}, searching.NEAREST),
}


def _make_items(total: int) -> None:
    """Make `total` items around Seoul: some by the model, which folds them, the others copies of these elsewhere and at other times."""
    chance = random.Random(7)
    manager = ids.uuid7()
    made = []
    for number in range(MADE):
        noun, category = chance.choice(NOUNS)
        name = f"{noun} {number % 50}" + (" 현미경" if number == 0 else "")
        place = (37.55 + chance.gauss(0, 0.05), 127.0 + chance.gauss(0, 0.06))
        shown = {"shown_latitude": place[0], "shown_longitude": place[1], "latitude": place[0], "longitude": place[1]}
        texts = {"name": name, "category": category, "place": "서울", "description": "배송은 안 됩니다"}
        times = {"registered_at": NOON, "updated_at": NOON}
        made.append(Item(manager_id=manager, daily_price=chance.randrange(10, 200) * 100, **shown, **texts, **times))
    Item.objects.bulk_create(made)
    _copy_items(total // MADE - 1)


def _copy_items(times: int) -> None:
    using = databases.alias_for("items")
    vendor = connections[using].vendor
    columns = [str(field.column) for field in Item._meta.concrete_fields]
    new = {
        "id": _NEW_ID[vendor],
        "registered_at": _EARLIER[vendor],
        "shown_latitude": "shown_latitude + (copy %% 97 - 48) * 0.0007",
        "shown_longitude": "shown_longitude + (copy %% 89 - 44) * 0.0009",
        "search_text": "replace(search_text, '현미경', '')",
    }
    copies = f"SELECT {', '.join(new.get(name, name) for name in columns)} FROM items_item, {_SERIES[vendor]}"
    busy = f"SELECT {_NEW_ID[vendor]}, id, %s, %s, 'reserved', 1 FROM items_item WHERE daily_price %% 1000 = 0"
    with connections[using].cursor() as cursor:
        cursor.execute(f"INSERT INTO items_item ({', '.join(columns)}) {copies}", [times])
        cursor.execute(
            f"INSERT INTO items_busyperiod (rental_id, item_id, starts_at, ends_at, hold, version) {busy}", [NOON, NOON + timedelta(days=1)]
        )
        cursor.execute("ANALYZE items_item")
        cursor.execute("ANALYZE items_busyperiod")


def _all_problems() -> dict[str, list[str]]:
    """Return what is wrong with the plans of the first page of every search, and of one further on."""
    problems, using = {}, databases.alias_for("items")
    for name, (words, values, order) in SEARCHES.items():
        search, after = Search(values=values, words=text.words(text=words)), None
        density.clear()
        with watched_plans(using) as wrong:
            for _ in range(3):
                page = search.fetch(order=order, after=after, limit=21)
                after = [page[-1][column.removeprefix("-")] for column in order] if len(page) == 21 else after
        if wrong:
            problems[name] = wrong
    return problems


def test_no_search_reads_or_sorts_more_than_it_needs() -> None:
    _make_items(20_000)
    assert _all_problems() == {}


@pytest.mark.parametrize("order", [searching.BEST, ("daily_price", "id")])
def test_a_common_word_with_a_filter_that_leaves_nothing_takes_few_statements(order: tuple[str, ...]) -> None:
    _make_items(20_000)
    search, counts = Search(values={"availability": "rented"}, words=["드릴"]), []
    density.clear()
    for _ in range(2):
        with CaptureQueriesContext(connections[databases.alias_for("items")]) as asked:
            assert search.fetch(order=order, after=None, limit=21) == []
        counts.append(len(asked))
    # For each rank: the next items in order, how many have the word, and all of it. How common it is, the second visit knows.
    assert counts[0] <= 8
    assert counts[1] <= 4


@pytest.mark.parametrize("is_of_all", [False, True])
@pytest.mark.parametrize("narrowed", [{}, {"narrowing": board.Narrowing.FREE}])
def test_a_page_of_the_board_sorts_no_more_than_it_shows(is_of_all: bool, narrowed: dict[str, Any]) -> None:
    _make_items(20_000)
    manager_id = Item.objects.values_list("manager_id", flat=True)[:1].get()
    day: dict[str, Any] = {"starts_at": NOON, "ends_at": NOON + timedelta(days=14), "now": NOON}
    items = board.list_board_items(manager_ids=None if is_of_all else [manager_id], **day, **narrowed)
    with watched_plans(databases.alias_for("items"), most_sorted=51) as wrong:
        first, *_ = board.page(items=items, after=None, before=None, limit=50)
        second, *_ = board.page(items=items, after=first[-1].id, before=None, limit=50)
        board.page(items=items, after=None, before=second[0].id, limit=50)
    assert (wrong, len(second)) == ([], 50)


@pytest.mark.nightly
def test_no_search_of_a_hundred_thousand_items_reads_or_sorts_more_than_it_needs() -> None:
    _make_items(100_000)
    assert _all_problems() == {}
