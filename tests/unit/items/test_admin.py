"""Items in the web admin."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.items.events import ItemRegistered, ItemRevised, ItemWithdrawn
from apps.items.models import Category, Item
from tests.factories.accounts import UserFactory
from tests.factories.items import BusyPeriodFactory, ItemFactory
from tests.log import recorded

pytestmark = pytest.mark.django_db

LIST = "/admin/items/item/"
DRILL = {
    "name": "전동 드릴",
    "category": "공구",
    "description": "18 V\r\n배터리 두 개",
    "pickup_place": "",
    "place": "서울 중구",
    "latitude": "37.5663",
    "longitude": "126.9779",
    "daily_price": "8000",
    "deposit": "30000",
    "seen_version": "",
}


@pytest.fixture
def screens(manager: Any, client: Client) -> Client:
    client.force_login(manager)
    return client


def _change(item: Item) -> str:
    return reverse("admin:items_item_change", args=[item.pk])


def _facts() -> list[str]:
    return [type(row.event).__name__ for row in recorded((ItemRegistered, ItemRevised, ItemWithdrawn))]


def test_a_manager_registers_an_item(screens: Client, manager: Any) -> None:
    answer = screens.post(f"{LIST}add/", DRILL)
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    item = Item.objects.get()
    assert (item.manager_id, item.name, item.daily_price, item.state) == (manager.pk, "전동 드릴", 8_000, "listed")
    assert item.description == "18 V\n배터리 두 개"
    assert _facts() == ["ItemRegistered"]


@pytest.mark.parametrize(
    ("field", "value"), [("name", "llird\u202edrill"), ("daily_price", "0"), ("daily_price", ""), ("latitude", "91"), ("latitude", "nan")]
)
def test_an_invalid_value_is_shown_beside_its_field(screens: Client, field: str, value: str) -> None:
    answer = screens.post(f"{LIST}add/", {**DRILL, field: value})
    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == [field]
    assert not Item.objects.exists()
    assert _facts() == []


def test_a_manager_revises_an_own_item(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    shown = screens.get(_change(item)).context["adminform"].form
    assert shown["seen_version"].value() == 1
    assert "field-version" not in screens.get(_change(item)).content.decode()  # only the form needs it
    answer = screens.post(_change(item), {**DRILL, "name": "해머 드릴", "seen_version": "1"})
    assert (answer.status_code, answer["Location"]) == (302, LIST)
    item.refresh_from_db()
    assert (item.name, item.version) == ("해머 드릴", 2)
    assert _facts() == ["ItemRevised"]


def test_saving_an_unchanged_item_publishes_nothing(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="전동 드릴", description="18 V\n배터리 두 개")
    assert screens.post(_change(item), {**DRILL, "seen_version": "1"}).status_code == 302
    item.refresh_from_db()
    assert item.version == 1
    assert _facts() == []


def test_a_stale_form_overwrites_nothing(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="해머 드릴", version=2)
    answer = screens.post(_change(item), {**DRILL, "seen_version": "1"}, follow=True)
    assert "changed by someone else" in answer.content.decode()
    item.refresh_from_db()
    assert (item.name, item.version) == ("해머 드릴", 2)
    assert _facts() == []


def test_a_manager_withdraws_after_a_confirmation(screens: Client, manager: Any) -> None:
    item, other = ItemFactory(manager_id=manager.pk), ItemFactory(manager_id=manager.pk)
    asked = screens.post(LIST, {"action": "withdraw", "_selected_action": [str(item.pk)]}, follow=True)
    assert item.name in asked.content.decode()
    [(address, _)] = asked.redirect_chain
    assert Item.objects.filter(state="withdrawn").count() == 0
    assert "1 item was withdrawn." in screens.post(address, follow=True).content.decode()
    assert list(Item.objects.filter(state="withdrawn")) == [item]
    assert other.state == "listed"
    assert _facts() == ["ItemWithdrawn"]


def test_an_items_page_links_to_withdrawing_it(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    assert f'href="{LIST}withdraw/?item={item.pk}"' in screens.get(_change(item)).content.decode()


def test_an_item_with_an_open_rental_is_left_as_it_is(screens: Client, manager: Any) -> None:
    busy = BusyPeriodFactory(item=ItemFactory(manager_id=manager.pk, availability="reserved")).item
    assert "because a rental is open" in screens.get(f"{LIST}withdraw/?item={busy.pk}").content.decode()
    assert "Someone has requested" in screens.post(f"{LIST}withdraw/?item={busy.pk}", follow=True).content.decode()
    busy.refresh_from_db()
    assert busy.state == "listed"
    assert _facts() == []


def test_anothers_items_are_neither_shown_nor_changed_nor_withdrawn(screens: Client) -> None:
    item = ItemFactory(name="남의 드릴")
    assert "남의 드릴" not in screens.get(LIST).content.decode()
    assert screens.get(_change(item)).status_code == 302
    assert screens.post(_change(item), {**DRILL, "seen_version": "1"}).status_code == 302
    screens.post(f"{LIST}withdraw/?item={item.pk}")
    item.refresh_from_db()
    assert (item.name, item.state) == ("남의 드릴", "listed")
    assert _facts() == []


def test_a_withdrawn_item_is_read_only(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, withdrawn=True)
    shown = screens.get(_change(item))
    assert (shown.status_code, b"_save" in shown.content) == (200, False)
    assert screens.post(_change(item), {**DRILL, "seen_version": "2"}).status_code == 403


def test_nothing_is_ever_deleted(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    assert screens.post(reverse("admin:items_item_delete", args=[item.pk]), {"post": "yes"}).status_code == 403
    screens.post(LIST, {"action": "delete_selected", "_selected_action": [str(item.pk)], "post": "yes"})
    assert Item.objects.get() == item


def test_a_renter_has_no_screens(client: Client) -> None:
    item = ItemFactory()
    client.force_login(UserFactory(renter=True))
    for address in (LIST, _change(item), f"{LIST}add/", f"{LIST}withdraw/?item={item.pk}"):
        assert client.get(address)["Location"].startswith("/admin/login/")


def test_the_list_searches_and_filters(screens: Client, manager: Any) -> None:
    ItemFactory(manager_id=manager.pk, name="캠핑 텐트", category="캠핑", daily_price=12_000)
    ItemFactory(manager_id=manager.pk, name="해머 드릴")
    page = screens.get(f"{LIST}?q=캠핑텐트&availability__exact=available").content.decode()
    assert "캠핑 텐트" in page
    assert "₩12,000" in page
    assert "해머 드릴" not in page


def test_an_items_page_shows_its_busy_periods(screens: Client, manager: Any) -> None:
    period = BusyPeriodFactory(item=ItemFactory(manager_id=manager.pk, availability="rented"), hold="rented")
    assert "Rented out" in screens.get(_change(period.item)).content.decode()


@pytest.mark.parametrize("field", ["name", "place"])
def test_the_form_refuses_a_name_that_shows_nothing(screens: Client, field: str) -> None:
    answer = screens.post(f"{LIST}add/", DRILL | {field: "\u3164\u200b"})
    assert answer.status_code == 200
    assert "shows something" in str(answer.context["adminform"].form.errors[field])
    assert not Item.objects.exists()
    assert _facts() == []


def test_the_list_finds_items_however_their_words_are_spaced(screens: Client, manager: Any) -> None:
    ItemFactory(manager_id=manager.pk, name="캠핑\u00a0의자", place="성수\u3000역")
    for words in ("캠핑의자", "의자 캠핑", "성수역", "캠핑-의자"):
        assert "캠핑" in str(list(screens.get(LIST, {"q": words}).context["cl"].result_list)), words
    assert list(screens.get(LIST, {"q": "의자성수"}).context["cl"].result_list) == []


def test_the_list_is_narrowed_to_a_category_however_it_is_written(screens: Client, manager: Any) -> None:
    items = {ItemFactory(manager_id=manager.pk, category=category) for category in ("전동 공구", "전동공구", "전동\u00a0공구")}
    ItemFactory(manager_id=manager.pk, category="캠핑")
    ItemFactory(category="others' items")
    page = screens.get(LIST, {"category": "전동공구"}).context["cl"]
    assert set(page.result_list) == items
    [entries] = [spec.lookup_choices for spec in page.filter_specs if spec.title == "category"]
    assert entries == [(category.key, category.name_en) for category in Category.objects.order_by("position")]
