"""예약판: whose items are there, what keeps them when, and that many cost no more than few."""

import re
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils.timezone import localdate

from apps.items.services import places
from apps.rentals.domain import guest_id
from apps.rentals.models import Block, Guest
from config.desk import board
from config.desk.board_grid import PARTS
from gdmarket import clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.items import BusyPeriodFactory, ItemFactory
from tests.factories.rentals import RentalFactory
from tests.statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SEOUL = ZoneInfo("Asia/Seoul")


def _client(person: Any, language: str = "en") -> Client:
    client = Client(headers={"accept-language": language})
    client.force_login(person)
    return client


def _open(person: Any, **asked: Any) -> Any:
    answer = _client(person).get("/admin/board/", asked)
    assert answer.status_code == 200
    return answer


def _items(answer: Any) -> list[str]:
    return [row["item"].name for row in answer.context["rows"]]


def _bars(answer: Any) -> list[tuple[str, str, str]]:
    """Return the item, the kind and the text of each bar."""
    return [
        (row["item"].name, cell.bar.kind, f"{cell.bar.label}{cell.bar.more}")
        for row in answer.context["rows"]
        for line in row["laid_out"].lines
        for cell in line
        if cell.bar
    ]


def _manager(**columns: Any) -> Any:
    return UserFactory(item_manager=True, **columns)


def _item(manager: Any, name: str, **columns: Any) -> Any:
    return ItemFactory(manager_id=manager.pk, name=name, **columns)


def _rental(item: Any, **columns: Any) -> Any:
    return RentalFactory(item_id=item.id, manager_id=item.manager_id, item_name=item.name, **columns)


def test_a_manager_sees_their_own_listed_items_by_name_and_nothing_of_anothers() -> None:
    mine, theirs = _manager(), _manager()
    for name in ("tent", "drill", "gone"):
        _item(mine, name, withdrawn=name == "gone")
    foreign = _item(theirs, "foreign tent")
    rental = _rental(foreign, state="paid", renter_id=UserFactory(display_name="Stranger").pk)

    page = _open(mine, manager=theirs.pk)
    assert _items(page) == ["drill", "tent"]
    assert not {"foreign", "Stranger", str(rental.pk)} & set(re.findall(r"[\w-]+", page.content.decode()))
    assert _items(_open(mine, after=foreign.id)) == ["drill", "tent"]


def test_days_that_are_blocked_are_drawn_with_the_reason_and_lead_to_where_the_block_is_lifted() -> None:
    manager, starts_at = _manager(), datetime.combine(localdate(clock.now(), SEOUL) + DAY, datetime.min.time(), tzinfo=SEOUL)
    item = _item(manager, "drill")
    block = Block.objects.create(
        item_id=item.id, manager_id=manager.pk, starts_at=starts_at, ends_at=starts_at + 2 * DAY, reason="repair",
        blocked_by=manager.pk, created_at=clock.now(),
    )  # fmt: skip
    page = _open(manager)
    ((name, kind, text),) = _bars(page)
    assert (name, kind, text.startswith("repair, blocked, ")) == ("drill", "blocked", True)
    assert f"/admin/rentals/block/{block.pk}/delete/" in page.content.decode()
    assert [cell.span for cell in page.context["rows"][0]["laid_out"].lines[0] if cell.bar] == [2 * PARTS]


def test_what_is_paused_is_there_with_its_rentals_and_cannot_be_booked() -> None:
    manager = _manager()
    item = _item(manager, "drill", state="paused")
    _rental(item, state="paid")
    page = _open(manager)
    row = page.context["rows"][0]
    assert (row["is_paused"], row["book"], [kind for _name, kind, _text in _bars(page)]) == (True, "", ["paid"])
    assert _items(_open(manager, show="free")) == []
    BusyPeriodFactory(item=item, starts_at=clock.now() - 2 * DAY, ends_at=clock.now() - DAY, hold="rented")
    assert [_items(_open(UserFactory(operator=True), show=show)) for show in ("", "overdue", "free")] == [["drill"], ["drill"], []]


def test_an_operator_sees_everybodys_and_chooses_a_manager_by_name_address_or_link() -> None:
    kim, lee = _manager(display_name="Kim Tools", email="kim@example.com"), _manager(display_name="Lee")
    _item(kim, "drill")
    _item(lee, "tent")
    operator = UserFactory(operator=True)

    everything = _open(operator)
    assert _items(everything) == ["drill", "tent"]
    assert [row["manager"] for row in everything.context["rows"]] == ["Kim Tools", "Lee"]
    for said in ("kim", "kim@example", kim.pk):
        assert _items(_open(operator, manager=said)) == ["drill"]
    assert _items(_open(operator, manager="nobody")) == []
    assert all(not row["book"] for row in everything.context["rows"]), "they take no cash for others"


@pytest.mark.parametrize(
    ("columns", "kind", "said"),
    [
        ({"state": "requested"}, "held", "requested"),
        ({"state": "paying"}, "held", "paying"),
        ({"state": "paid"}, "paid", "paid"),
        ({"state": "rented"}, "rented", "rented"),
        ({"state": "rented", "starts_in": -3 * DAY}, "overdue", "overdue"),
        ({"state": "no_show", "starts_in": -1 * DAY + HOUR}, "no_show", "not fetched"),
    ],
)
def test_a_bar_says_who_in_which_state_and_from_when_to_when(columns: dict[str, Any], kind: str, said: str) -> None:
    manager, renter = _manager(), UserFactory(display_name="Kim")
    rental = _rental(_item(manager, "drill"), renter_id=renter.pk, **columns)
    page = _open(manager, **{"from": (localdate(timezone=SEOUL) - 7 * DAY).isoformat()})
    starts_at, ends_at = (at.astimezone(SEOUL) for at in (rental.starts_at, rental.ends_at))
    period = " – ".join(f"{at:%B} {at.day} {at:%H:%M}" for at in (starts_at, ends_at))
    assert _bars(page) == [("drill", kind, f"Kim, {said}, {period}")]
    assert f'href="/admin/rentals/rental/{rental.pk}/change/"' in page.content.decode()


def test_what_came_to_nothing_is_not_there() -> None:
    manager, now = _manager(), clock.now()
    for state in ("cancelled", "expired", "refunding"):
        _rental(_item(manager, state), state=state, closed_at=now)
    assert _bars(_open(manager)) == []


def test_what_is_overdue_reaches_to_now_and_nothing_can_be_booked_until_it_is_back() -> None:
    manager = _manager()
    _rental(_item(manager, "drill"), state="rented", starts_in=-20 * DAY)
    page = _open(manager)
    row = page.context["rows"][0]
    (first, *_others) = row["laid_out"].lines[0]
    assert (first.bar.kind, first.is_cut_before) == ("overdue", True)
    assert not any(cell.is_free for cell in row["laid_out"].lines[0])
    assert row["book"] == ""


def test_what_came_back_early_leaves_the_rest_of_its_period_to_others() -> None:
    manager, now = _manager(), clock.now()
    item = _item(manager, "drill")
    _rental(item, state="returned", starts_in=-6 * DAY, ends_at=now + 5 * DAY, returned_at=now - 5 * DAY, closed_at=now)
    _rental(item, state="paid", starts_in=DAY)
    page = _open(manager, **{"from": (localdate(timezone=SEOUL) - 7 * DAY).isoformat()})
    assert [kind for _item_name, kind, _text in _bars(page)] == ["returned", "paid"]
    assert len(page.context["rows"][0]["laid_out"].lines) == 1
    assert [kind for _item_name, kind, _text in _bars(_open(manager))] == ["paid"]


def test_a_guest_is_named_too() -> None:
    manager, rental_id = _manager(), uuid7()
    renter_id = guest_id(rental_id=rental_id)
    Guest.objects.create(renter_id=renter_id, name="김철수", contact="010", created_at=clock.now())
    _rental(_item(manager, "drill"), id=rental_id, renter_id=renter_id, state="paid")
    assert _bars(_open(manager))[0][2].startswith("김철수, paid, ")


def test_the_page_is_a_table_whose_rows_and_days_have_heads_and_today_is_marked() -> None:
    manager = _manager()
    item = _item(manager, "드릴")
    html = _client(manager, "ko").get("/admin/board/").content.decode()
    assert html.count('scope="rowgroup"') == 1
    assert html.count('aria-current="date"') == 1
    assert (
        html.count('<colgroup span="4"') == html.count('<th scope="colgroup" colspan="4"') - html.count('colspan="4" class="month"') == 14
    )
    assert f"/admin/rentals/rental/walk-in/?item={item.id}&amp;from={localdate(timezone=SEOUL).isoformat()}" in html
    assert "style=" not in re.search(r"<table.*</table>", html, re.DOTALL)[0]  # type: ignore[index]  # it is there


@pytest.mark.parametrize(
    "nonsense",
    [
        {"from": "tomorrow", "weeks": "3"},
        {"from": "9999-12-31", "weeks": "-1"},
        {"from": "0001-01-01", "weeks": ""},
        {"from": "2026-13-45", "weeks": "2.0"},
        {"show": "everything", "place": "x", "after": "x", "before": "00", "manager": "x"},
        {"from": "\x01", "q": "\x01\ud7ff", "category": "\x01", "show": "\u2028"},
    ],
)
def test_nonsense_in_the_address_is_as_if_it_were_not_there(nonsense: dict[str, str]) -> None:
    page = _open(_manager(), **nonsense)
    assert [page.context["days"][0].on, len(page.context["days"])] == [localdate(clock.now(), SEOUL) - DAY, 14]


@pytest.mark.parametrize("weeks", [2, 4, 8])
def test_as_many_weeks_are_shown_as_are_asked_for_and_the_links_lead_on(weeks: int) -> None:
    _item(manager := _manager(), "drill")
    page = _open(manager, weeks=weeks, **{"from": "2026-12-31"})
    assert len(page.context["days"]) == 7 * weeks
    assert page.context["later"] == f"/admin/board/?weeks={weeks}&from={datetime(2026, 12, 31, tzinfo=SEOUL).date() + 7 * weeks * DAY}"
    assert sum(month["columns"] for month in page.context["months"]) == 4 * 7 * weeks
    assert [f"{month['first']:%Y-%m}" for month in page.context["months"]][:2] == ["2026-12", "2027-01"]
    assert ('class="month"><span class="visually-hidden">' in page.content.decode()) == (weeks == 8), "a day is too narrow for its month"


def test_items_are_narrowed_by_words_category_place_and_how_they_are_rented() -> None:
    manager, now = _manager(), clock.now()
    place = places.add_place(place_id=uuid7(), manager_id=manager.pk, name="창고", address="", latitude=37.5, longitude=127.0, now=now)
    _item(manager, "red tent", category="캠핑", pickup_place=place)
    late = _item(manager, "red drill")
    BusyPeriodFactory(item=late, starts_at=now - 3 * DAY, ends_at=now - DAY, hold="rented")
    taken = _item(manager, "saw")
    BusyPeriodFactory(item=taken, starts_at=now + DAY, ends_at=now + 2 * DAY)
    for asked, expected in (
        ({"q": "RED"}, ["red drill", "red tent"]),
        ({"q": "red", "category": "캠핑"}, ["red tent"]),
        ({"place": place.id}, ["red tent"]),
        ({"show": "overdue"}, ["red drill"]),
        ({"show": "free"}, ["red tent"]),
        ({"q": "nothing like it"}, []),
    ):
        page = _open(manager, **asked)
        assert _items(page) == expected, asked
        assert not page.context["is_new"]


def test_who_has_no_item_is_led_to_register_one() -> None:
    assert "/admin/items/item/add/" in _open(_manager()).content.decode()
    assert _open(_manager()).context["is_new"]


def test_pages_follow_each_other_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "ROWS", 2)
    manager = _manager()
    for number in (3, 1, 2, 5, 4):
        _item(manager, f"item {number // 2}")  # some have one name
    client = _client(manager)
    forth, address, back = [], "/admin/board/", ""
    while address:
        page = client.get(address)
        forth.append([row["item"].id for row in page.context["rows"]])
        address, back = page.context["next_page"], page.context["previous_page"]
    assert [len(ids) for ids in forth] == [2, 2, 1]
    assert len({item_id for ids in forth for item_id in ids}) == 5
    assert [row["item"].id for row in client.get(back).context["rows"]] == forth[1]


def test_rentals_that_are_too_many_to_draw_are_said_and_no_day_is_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "MOST_RENTALS", 1)
    manager = _manager()
    for name in ("drill", "tent"):
        _rental(_item(manager, name), state="paid")
    page = _open(manager)
    assert page.context["is_cut"]
    assert "Show fewer weeks" in page.content.decode()
    assert "walk-in/" not in page.content.decode()


@pytest.mark.parametrize("traits", [{"item_manager": True}, {"operator": True}])
def test_many_rentals_cost_as_many_statements_as_few(traits: dict[str, bool]) -> None:
    person: Any = UserFactory(**traits)
    client = _client(person)

    def show() -> None:
        assert client.get("/admin/board/", {"weeks": 8}).status_code == 200

    def make(count: int) -> None:
        for number in range(count):
            item = _item(person, f"item {number:03}")
            for week in range(3):
                renter_id = UserFactory.create().pk if number < 9 and number % 2 else guest_id(rental_id=uuid7())
                _rental(item, state="paid", starts_in=week * 7 * DAY, renter_id=renter_id)

    make(3)
    few = count_statements(show)
    make(60)
    assert few == count_statements(show) <= 14
