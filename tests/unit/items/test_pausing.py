"""A paused item is offered to nobody, and its manager goes on seeing and changing it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.items import handlers, services
from apps.items.errors import ItemNotFoundError, PlaceInUseError
from apps.items.events import ItemPaused, ItemResumed, ItemRevised, ItemWithdrawn, RentalRefused
from apps.items.models import BusyPeriod, Item
from apps.items.services import pausing, places
from apps.rentals.events import RentalRequested
from gdmarket import clock, databases, ids
from gdmarket.checks import missing_guards
from tests.factories.accounts import UserFactory
from tests.factories.items import BusyPeriodFactory, ItemFactory, rental_fact
from tests.log import recorded
from tests.migrating import migrate, newest
from tests.unit.items import photo_actions

pytestmark = pytest.mark.django_db

ITEMS, LIST = "/api/v1/items", "/admin/items/item/"


def _facts() -> list[tuple[str, str, int]]:
    facts = [row.event for row in recorded((ItemPaused, ItemResumed, ItemRevised, ItemWithdrawn))]
    return [(type(fact).__name__, fact.state, fact.version) for fact in facts]


def _states(*items: Item) -> list[str]:
    known = dict(Item.objects.values_list("id", "state"))
    return [known[item.id] for item in items]


# -- The commands -----------------------------------------------------------------------------------------------------------------


def test_pausing_and_resuming_are_published_once_each(item: Item) -> None:
    for _ in range(2):
        assert pausing.pause_item(item_id=item.id, by=item.manager_id, now=clock.now()).state == "paused"
    for _ in range(2):
        assert pausing.resume_item(item_id=item.id, by=item.manager_id, now=clock.now()).state == "listed"
    assert _facts() == [("ItemPaused", "paused", 2), ("ItemResumed", "listed", 3)]


def _unknown(_by: Any) -> Any:
    return ids.uuid7()


def _anothers(_by: Any) -> Any:
    return ItemFactory().id


def _withdrawn(by: Any) -> Any:
    return ItemFactory(manager_id=by, withdrawn=True).id


@pytest.mark.parametrize("made", [_unknown, _anothers, _withdrawn])
@pytest.mark.parametrize("command", [pausing.pause_item, pausing.resume_item])
def test_only_an_own_item_that_was_not_withdrawn_is_paused_or_resumed(made: Any, command: Any) -> None:
    by = ids.uuid7()
    with pytest.raises(ItemNotFoundError):
        command(item_id=made(by), by=by, now=clock.now())
    assert _facts() == []


def test_a_paused_item_can_be_revised_and_withdrawn() -> None:
    item = ItemFactory(paused=True)
    services.revise_item(item_id=item.id, by=item.manager_id, now=clock.now(), daily_price=9_000)
    services.withdraw_item(item_id=item.id, by=item.manager_id, now=clock.now())
    assert _facts() == [("ItemRevised", "paused", 3), ("ItemWithdrawn", "withdrawn", 4)]


def test_a_paused_item_follows_its_pickup_place_and_keeps_it(manager: Any) -> None:
    details: Any = {"name": "서울숲 입구", "latitude": 37.5444, "longitude": 127.0374}
    place = places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), **details)
    item = ItemFactory(manager_id=manager.pk, paused=True, pickup_place=place)
    services.move_items(place_id=place.id, now=clock.now())
    item.refresh_from_db()
    assert (item.place, item.latitude) == ("서울숲 입구", 37.5444)
    with pytest.raises(PlaceInUseError):
        places.delete_place(place_id=place.id, by=manager.pk)


def test_a_request_that_items_hears_of_after_the_pause_reserves_the_item() -> None:
    item, rental_id = ItemFactory(paused=True), ids.uuid7()
    handlers.on_rental_requested(rental_fact(RentalRequested, item_id=item.id, rental_id=rental_id, version=1, starts_at=clock.now()))
    item.refresh_from_db()
    assert (item.state, item.availability) == ("paused", "reserved")
    assert BusyPeriod.objects.get().rental_id == rental_id
    assert recorded([RentalRefused]) == []


# -- The API ----------------------------------------------------------------------------------------------------------------------


def test_a_manager_pauses_and_resumes_an_own_item(manager_api: APIClient, api: APIClient, item: Item) -> None:
    other, address = ItemFactory(), f"{ITEMS}/{item.id}"
    before = api.get(address)

    paused = manager_api.post(f"{address}/pause")

    assert (paused.status_code, paused.json()["state"], paused.json()["version"]) == (200, "paused", 2)
    assert manager_api.post(f"{address}/pause", {}, format="json").json() == paused.json() == manager_api.get(address).json()
    shown = api.get(address)
    assert (shown.status_code, shown.json()["state"], shown["ETag"] != before["ETag"]) == (200, "paused", True)
    searches: list[dict[str, str]] = [{}, {"q": "드릴"}, {"near": "37.5663,126.9779"}, {"category": "공구"}]
    for search in (*searches, {"ordering": "name"}, {"max_daily_price": "9000"}):
        assert [found["id"] for found in api.get(ITEMS, search).json()["results"]] == [str(other.id)], search

    resumed = manager_api.post(f"{address}/resume")

    assert (resumed.status_code, resumed.json()["state"], resumed.json()["version"]) == (200, "listed", 3)
    assert {found["id"] for found in api.get(ITEMS).json()["results"]} == {str(item.id), str(other.id)}


@pytest.mark.parametrize("command", ["pause", "resume"])
def test_nobody_else_pauses_or_resumes_an_item(api: APIClient, manager_api: APIClient, as_user: Any, command: str) -> None:
    item = ItemFactory()
    renter = as_user(UserFactory(renter=True))
    for somebody, code in ((api, "not_authenticated"), (renter, "wrong_role"), (manager_api, "item_not_found")):
        assert somebody.post(f"{ITEMS}/{item.id}/{command}").json()["code"] == code
    assert _states(item) == ["listed"]
    assert manager_api.post(f"{ITEMS}/{item.id}/{command}", {"until": "tomorrow"}, format="json").status_code == 400


def test_photos_of_a_paused_item_can_be_added_by_its_manager(manager: Any, manager_api: APIClient) -> None:
    item = ItemFactory(manager_id=manager.pk, paused=True)
    assert photo_actions.add(manager_api, item).status_code == 201
    assert (len(photo_actions.photos_of(item)), _states(item)) == (1, ["paused"])


# -- The admin --------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def screens(manager: Any, client: Client) -> Client:
    client.force_login(manager)
    return client


def test_an_items_page_has_the_button_that_is_next(screens: Client, item: Item) -> None:
    page, pause, resume = (reverse(f"admin:items_item_{name}", args=[item.id]) for name in ("change", "pause", "resume"))
    assert f'action="{pause}"' in screens.get(page).content.decode()

    answer = screens.post(pause, follow=True)

    assert answer.redirect_chain == [(page, 302)]
    assert "1 item was paused." in answer.content.decode()
    assert f'action="{resume}"' in answer.content.decode()
    assert "Paused" in screens.get(LIST).content.decode()
    screens.post(resume)
    assert _states(item) == ["listed"]
    history = screens.get(f"/admin/items/item/{item.pk}/history/", headers={"accept-language": "en"}).context["action_list"]
    assert [entry.lines for entry in history] == [[("state", "Listed", "Paused")], [("state", "Paused", "Listed")]]


@pytest.mark.parametrize(("command", "is_paused"), [("pause", True), ("resume", False)])
def test_a_command_that_changes_nothing_is_not_in_the_history(screens: Client, manager: Any, command: str, is_paused: bool) -> None:
    item = ItemFactory(manager_id=manager.pk, paused=is_paused)
    page = screens.post(reverse(f"admin:items_item_{command}", args=[item.id]), follow=True).content.decode()
    assert ("1 item was left as it is" in page, f"item was {command}d." in page) == (True, False)
    assert (_facts(), LogEntry.objects.count()) == ([], 0)


@pytest.mark.django_db(transaction=True)
def test_the_slower_of_two_who_pause_an_item_is_not_in_the_history(screens: Client, item: Item) -> None:
    with ThreadPoolExecutor() as others, databases.transaction_for("items"):
        pausing.pause_item(item_id=item.id, by=item.manager_id, now=clock.now())
        slower = others.submit(_in_thread, lambda: screens.post(reverse("admin:items_item_pause", args=[item.id])))
        wait([slower], timeout=0.7)  # it has read the item by then, and waits for its lock
    assert slower.result().status_code == 302
    assert ([name for name, _state, _version in _facts()], LogEntry.objects.count()) == (["ItemPaused"], 0)


def _in_thread(act: Callable[[], Any]) -> Any:
    try:
        return act()
    finally:
        connections.close_all()


def test_a_page_that_is_opened_by_its_address_changes_nothing(screens: Client, item: Item) -> None:
    screens.get(reverse("admin:items_item_pause", args=[item.id]))
    assert _states(item) == ["listed"]
    assert _facts() == []


def test_several_are_paused_at_once_and_the_others_are_told_of(screens: Client, manager: Any) -> None:
    one, other, gone = (ItemFactory(manager_id=manager.pk, withdrawn=is_gone) for is_gone in (False, False, True))
    busy = BusyPeriodFactory(item=ItemFactory(manager_id=manager.pk, availability="reserved")).item
    chosen = {"_selected_action": [str(each.pk) for each in (one, gone, busy)]}

    page = screens.post(LIST, {"action": "pause", **chosen}, follow=True).content.decode()

    assert "2 items were paused." in page
    assert "1 item was left as it is: it is paused or withdrawn." in page
    assert _states(one, other, gone, busy) == ["paused", "listed", "withdrawn", "paused"]
    assert "2 items were resumed." in screens.post(LIST, {"action": "resume", **chosen}, follow=True).content.decode()
    assert _states(one, other, gone, busy) == ["listed", "listed", "withdrawn", "listed"]


def test_anothers_item_is_not_paused(screens: Client) -> None:
    item = ItemFactory()
    for command in ("pause", "resume"):
        assert screens.post(reverse(f"admin:items_item_{command}", args=[item.id])).status_code == 403
    screens.post(LIST, {"action": "pause", "_selected_action": [str(item.pk)]})
    assert _states(item) == ["listed"]
    assert (_facts(), LogEntry.objects.count()) == ([], 0)


def test_an_operator_pauses_any_item(client: Client) -> None:
    item = ItemFactory()
    client.force_login(UserFactory(operator=True))
    client.post(reverse("admin:items_item_pause", args=[item.id]))
    assert _states(item) == ["paused"]


# -- The migration ----------------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_migration_keeps_indexes_and_words_and_goes_back(api: APIClient) -> None:
    paused = ItemFactory(name="캠핑 의자", paused=True)
    indexes = _parts()
    try:
        migrate(("items", "0014_category_versions"))
        assert _parts() == indexes - {"items_code_of_manager", "items_kept_by_name", "items_of_manager_by_name"}  # of later migrations
        assert _states(paused) == ["listed"]
    finally:
        migrate(newest("items"))
    assert _parts() == indexes
    assert missing_guards(connection) == []
    ItemFactory(name="캠핑 탁자")
    assert {found["name"] for found in api.get(ITEMS, {"q": "캠핑"}).json()["results"]} == {"캠핑 의자", "캠핑 탁자"}


def _parts() -> set[str]:
    """Return the names of the indexes and triggers of items."""
    names = {
        "sqlite": "SELECT name FROM sqlite_master WHERE tbl_name = 'items_item' AND sql IS NOT NULL",
        "postgresql": "SELECT indexname FROM pg_indexes WHERE tablename = 'items_item'",
    }
    with connection.cursor() as cursor:
        cursor.execute(names[connection.vendor])
        return {name for (name,) in cursor.fetchall()}
