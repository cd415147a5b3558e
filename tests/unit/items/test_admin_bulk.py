"""Prices and places of several items at once in the admin."""

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.items import domain
from apps.items.models import Item, PickupPlace
from apps.items.services import places, revise_item
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.unit.items.test_admin_stale import signed_in

pytestmark = pytest.mark.django_db
LIST = "/admin/items/item/"
PERCENT = {"change": "percent", "amount": "10", "is_rounded": "on", "deposit": ""}


@pytest.fixture
def screens(manager: Any) -> Client:
    return signed_in(manager)


def address(kind: str, *items: Item) -> str:
    return f"{LIST}{kind}/?" + urlencode([("item", item.pk) for item in items])


def previewed(screens: Client, page: str, form: dict[str, str]) -> dict[str, str]:
    """Return what a browser would send of the page that shows what will change."""
    context = screens.post(page, form | {"preview": "1"}).context
    versions = {f"version-{plan.item.pk}": str(plan.item.version) for plan in context["plans"]}
    typed = context["form"].typed.replace("\n", "\r\n")  # as browsers send line breaks
    return form | versions | {"previewed": typed, "apply": "1"}


def planned(screens: Client, page: str, form: dict[str, str]) -> dict[str, Any]:
    plans = screens.post(page, form).context["plans"]
    return {plan.item.name: plan.skipped or [tuple(line) for line in plan.lines] for plan in plans}


def place_of(manager_id: Any, name: str = "서울숲") -> PickupPlace:
    details: Any = {"name": name, "latitude": 37.5444, "longitude": 127.0374}
    return places.add_place(place_id=ids.uuid7(), manager_id=manager_id, now=clock.now(), **details)


@pytest.mark.parametrize(
    ("change", "price"),
    [
        ({"percent": Decimal(10)}, 8_910),
        ({"percent": Decimal(10), "step": 100}, 8_900),
        ({"percent": Decimal("-12.5"), "step": 100}, 7_100),
        ({"won": 450, "step": 100}, 8_600),
        ({"won": 449, "step": 100}, 8_500),
        ({"won": -8_099}, 1),
        ({"percent": Decimal(-100), "step": 100}, 0),
    ],
)
def test_a_price_is_rounded_half_up(change: dict[str, Any], price: int) -> None:
    assert domain.repriced(daily_price=8_100, **change) == price


def test_the_actions_of_the_list_lead_to_the_page_with_the_chosen_items(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    ItemFactory(manager_id=manager.pk)
    for action, kind in (("change_prices", "prices"), ("change_place", "place")):
        answer = screens.post(LIST, {"action": action, "_selected_action": [str(item.pk)]})
        assert answer["Location"] == address(kind, item)
        assert [plan.item for plan in screens.get(answer["Location"]).context["plans"]] == [item]


def test_the_preview_says_from_what_to_what_and_what_is_skipped_and_changes_nothing(screens: Client, manager: Any) -> None:
    items = [
        ItemFactory(manager_id=manager.pk, name="드릴", daily_price=8_000),
        ItemFactory(manager_id=manager.pk, name="텐트", daily_price=100),
        ItemFactory(manager_id=manager.pk, name="싼것", daily_price=40),
        ItemFactory(manager_id=manager.pk, name="없는것", withdrawn=True),
    ]
    assert planned(screens, address("prices", *items), PERCENT) == {
        "드릴": [("daily price", "₩8,000", "₩8,800")],
        "텐트": "Nothing would change",
        "싼것": "A daily price is a whole number from 1 to 10,000,000.",
        "없는것": "Withdrawn, and left as it is",
    }
    both = {"change": "set", "amount": "5000", "deposit": "0"}
    assert planned(screens, address("prices", items[0]), both) == {
        "드릴": [("daily price", "₩8,000", "₩5,000"), ("deposit", "₩30,000", "₩0")]
    }
    assert set(Item.objects.values_list("version", flat=True)) == {1, 2}
    assert not LogEntry.objects.exists()


def test_each_is_changed_but_one_that_is_stale_and_one_that_was_withdrawn(screens: Client, manager: Any) -> None:
    fresh, stale, gone = (ItemFactory(manager_id=manager.pk, name=name) for name in ("새것", "헌것", "간것"))
    page = address("prices", fresh, stale, gone)
    form = previewed(screens, page, PERCENT)
    revise_item(item_id=stale.pk, by=manager.pk, now=clock.now(), daily_price=1_000)
    Item.objects.filter(pk=gone.pk).update(state="withdrawn", withdrawn_at=clock.now())

    told = screens.post(page, form, follow=True).content.decode()

    assert "1 item was changed." in told
    assert "Changed by someone else meanwhile, and left as it is: 헌것" in told
    assert "Withdrawn, and left as it is: 간것" in told
    prices = {item.name: item.daily_price for item in Item.objects.all()}
    assert prices == {"새것": 8_800, "헌것": 1_000, "간것": 8_000}
    history = screens.get(f"{LIST}{fresh.pk}/history/").context["action_list"]
    assert [[tuple(line) for line in entry.lines] for entry in history] == [[("daily price", "₩8,000", "₩8,800")]]
    assert LogEntry.objects.count() == 1


def test_what_was_not_shown_is_not_done(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    page = address("prices", item)
    form = previewed(screens, page, PERCENT)
    [plan] = screens.post(page, form | {"amount": "50"}).context["plans"]
    assert [line.after for line in plan.lines] == ["₩12,000"]
    unversioned = {name: value for name, value in form.items() if "version" not in name}
    assert "meanwhile" in screens.post(page, unversioned, follow=True).content.decode()
    assert Item.objects.get().daily_price == 8_000
    screens.post(page, form)
    assert Item.objects.get().daily_price == 8_800
    screens.post(page, form)  # sent twice
    assert Item.objects.get().daily_price == 8_800


@pytest.mark.parametrize(
    ("form", "fields"),
    [
        ({"change": "", "amount": ""}, ["__all__"]),
        ({"change": "percent", "amount": ""}, ["amount"]),
        ({"change": "won", "amount": "1.5"}, ["amount"]),
        ({"change": "", "amount": "5"}, ["change"]),
        ({"change": "set", "amount": "nan"}, ["amount"]),
        ({"change": "", "deposit": "-1"}, ["deposit"]),
        ({"change": "halve", "amount": "1"}, ["change"]),
    ],
)
def test_a_form_that_says_nothing_is_shown_again(screens: Client, manager: Any, form: dict[str, str], fields: list[str]) -> None:
    item = ItemFactory(manager_id=manager.pk)
    answer = screens.post(address("prices", item), form | {"apply": "1", "previewed": ""})
    assert (answer.status_code, list(answer.context["form"].errors)) == (200, fields)
    assert Item.objects.get().version == 1


def test_items_get_a_pickup_place_of_their_manager(screens: Client, manager: Any) -> None:
    own, others = place_of(manager.pk), place_of(ids.uuid7())
    item, there = ItemFactory(manager_id=manager.pk, name="드릴"), ItemFactory(manager_id=manager.pk, name="텐트", pickup_place=own)
    page = address("place", item, there)
    assert planned(screens, page, {"pickup_place": str(own.pk)}) == {
        "드릴": [("Pickup place", "서울 중구", "서울숲")],
        "텐트": "Nothing would change",
    }
    assert list(screens.post(page, {"pickup_place": str(others.pk), "apply": "1"}).context["form"].errors) == ["pickup_place"]
    screens.post(page, previewed(screens, page, {"pickup_place": str(own.pk)}))
    item.refresh_from_db()
    assert (item.place, item.pickup_place_id, item.latitude) == ("서울숲", own.pk, 37.5444)


def test_an_operator_places_items_of_one_manager_alone(manager: Any) -> None:
    screens = signed_in(UserFactory(operator=True))
    place = place_of(manager.pk)
    item, others = ItemFactory(manager_id=manager.pk), ItemFactory()
    answer = screens.post(address("place", item, others), {"pickup_place": str(place.pk), "apply": "1"}, follow=True)
    assert "Choose items of one manager" in answer.content.decode()
    page = address("place", item)
    screens.post(page, previewed(screens, page, {"pickup_place": str(place.pk)}))
    item.refresh_from_db()
    assert item.place == "서울숲"


def test_anothers_items_are_neither_shown_nor_changed_by_a_typed_address(screens: Client, manager: Any) -> None:
    own, theirs = ItemFactory(manager_id=manager.pk), ItemFactory(name="남의 드릴")
    for kind, form in (("prices", PERCENT), ("place", {"pickup_place": ""})):
        assert screens.get(address(kind, theirs))["Location"] == LIST
        assert "남의 드릴" not in screens.get(address(kind, own, theirs)).content.decode()
        forged = form | {f"version-{theirs.pk}": "1", "apply": "1", "previewed": '["percent", "10", true, ""]'}
        screens.post(address(kind, own, theirs), forged)
    theirs.refresh_from_db()
    assert (theirs.daily_price, theirs.version) == (8_000, 1)
    for broken in ("?item=x", "", "?item=" + "9" * 40):
        assert screens.get(f"{LIST}prices/{broken}")["Location"] == LIST


def test_more_than_fifty_are_not_changed_at_once(screens: Client, manager: Any) -> None:
    items = [ItemFactory(manager_id=manager.pk) for _ in range(51)]
    chosen = {"_selected_action": [str(item.pk) for item in items], "select_across": "1"}
    assert "Choose 1 to 50 items." in screens.post(LIST, {"action": "change_prices", **chosen}, follow=True).content.decode()
    assert len(screens.get(address("prices", *items)).context["plans"]) == 50


def test_all_of_a_list_is_acted_on_only_where_all_of_it_is_shown(screens: Client, manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gdmarket.admin.MOST_LISTED", 2)
    items = [ItemFactory(manager_id=manager.pk) for _ in range(3)]
    form = {"action": "pause", "_selected_action": [str(items[0].pk)]}
    assert "narrow it by a search" in screens.post(LIST, form | {"select_across": "1"}, follow=True).content.decode()
    assert set(Item.objects.values_list("state", flat=True)) == {"listed"}
    screens.post(LIST, form)
    assert Item.objects.filter(state="paused").count() == 1


def test_a_preview_takes_a_constant_number_of_queries(screens: Client, manager: Any) -> None:
    place = place_of(manager.pk)
    items = [ItemFactory(manager_id=manager.pk) for _ in range(20)]
    for kind, form in (("prices", PERCENT), ("place", {"pickup_place": str(place.pk)})):
        counts = []
        for chosen in (items[:1], items[:1], items):
            with CaptureQueriesContext(connection) as queries:
                screens.post(address(kind, *chosen), form)
            counts.append(len(queries))
        assert counts[1] == counts[2]
