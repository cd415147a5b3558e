"""Pickup places: a manager's own, in the market's area; items that use one follow it."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from rest_framework.test import APIClient

from apps.items import domain, services
from apps.items.errors import PlaceInUseError, PlaceNotFoundError, TooManyPlacesError
from apps.items.events import ItemRegistered, ItemRevised, PickupPlaceRevised
from apps.items.models import Item, PickupPlace
from apps.items.services import places
from gdmarket import bus, clock, ids
from tests.factories.accounts import UserFactory
from tests.log import recorded

pytestmark = pytest.mark.django_db
ITEMS, PLACES = "/api/v1/items", "/api/v1/places"
FOREST: dict[str, Any] = {"name": "서울숲 입구", "address": "뚝섬로 273", "latitude": 37.5444, "longitude": 127.0374}
DRILL: dict[str, Any] = {"name": "드릴", "category": "공구", "daily_price": 8_000}
TYPED: dict[str, Any] = {"place": "성수역", "latitude": 37.5446, "longitude": 127.056}
Clients = Callable[[Any], APIClient]


def add(manager_id: UUID, **details: Any) -> PickupPlace:
    return places.add_place(place_id=ids.uuid7(), manager_id=manager_id, now=clock.now(), **FOREST | details)


def register(place: PickupPlace, **details: Any) -> Item:
    at: dict[str, Any] = {"item_id": ids.uuid7(), "manager_id": place.manager_id, "now": clock.now()}
    return services.register_item(**at, pickup_place=place.id, **DRILL | details)


def where(item: Item) -> tuple[Any, ...]:
    item.refresh_from_db()
    return (item.place, item.latitude, item.longitude, item.pickup_place_id)


def facts() -> list[str]:
    return [type(row.event).__name__ for row in recorded((ItemRegistered, ItemRevised, PickupPlaceRevised))]


# -- A manager's list -------------------------------------------------------------------------------------------------------------


def test_a_manager_adds_reads_revises_and_deletes_a_place(manager_api: APIClient) -> None:
    added = manager_api.post(PLACES, FOREST, format="json")
    assert (added.status_code, added["Location"]) == (201, f"http://testserver{PLACES}/{added.json()['id']}")
    assert added.json() | FOREST | {"version": 1} == added.json()
    assert manager_api.get(PLACES).json()["results"] == [added.json()]
    revised = manager_api.patch(added["Location"], {"name": "뚝섬역"}, format="json", headers={"if-match": added["ETag"]})
    assert (revised.json()["name"], revised.json()["version"]) == ("뚝섬역", 2)
    assert manager_api.patch(added["Location"], {"name": "왕십리"}, format="json", headers={"if-match": added["ETag"]}).status_code == 412
    assert manager_api.get(added["Location"]).json() == revised.json()
    assert manager_api.delete(added["Location"]).status_code == 204
    assert manager_api.get(added["Location"]).json()["code"] == "place_not_found"
    assert facts() == ["PickupPlaceRevised"]


def test_a_key_makes_one_place(manager_api: APIClient) -> None:
    for _ in range(2):
        assert manager_api.post(PLACES, FOREST, format="json", headers={"idempotency-key": "once"}).status_code == 201
    assert PickupPlace.objects.count() == 1


def test_nobody_sees_changes_or_uses_anothers_place(manager_api: APIClient, as_user: Clients, api: APIClient) -> None:
    theirs = add(ids.uuid7())
    address = f"{PLACES}/{theirs.id}"
    assert manager_api.get(PLACES).json()["results"] == []
    for answer in (
        manager_api.get(address),
        manager_api.patch(address, {"name": "내 것"}, format="json"),
        manager_api.delete(address),
        manager_api.post(ITEMS, DRILL | {"pickup_place": str(theirs.id)}, format="json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "place_not_found")
    assert as_user(UserFactory(renter=True)).get(PLACES).json()["code"] == "wrong_role"
    assert api.get(PLACES).status_code == 401
    theirs.refresh_from_db()
    assert (theirs.name, theirs.version, Item.objects.count()) == (FOREST["name"], 1, 0)


@pytest.mark.parametrize(("latitude", "longitude"), [(127.0374, 37.5444), (35.68, 139.77), (32.9, 127.0), (37.5, 124.4)])
def test_a_place_outside_the_markets_area_is_refused(manager_api: APIClient, latitude: float, longitude: float) -> None:
    answer = manager_api.post(PLACES, FOREST | {"latitude": latitude, "longitude": longitude}, format="json")
    assert answer.status_code == 400
    assert not PickupPlace.objects.exists()


def test_the_area_is_a_setting_and_the_refusal_says_it(manager_api: APIClient, settings: Any) -> None:
    settings.GDMARKET_AREA = (37.56, 127.0, 37.6, 127.1)
    answer = manager_api.post(PLACES, FOREST, format="json")
    assert (answer.status_code, answer.json()["code"]) == (400, "outside_area")
    assert "latitude 37.56 to 37.6" in answer.json()["detail"]
    settings.GDMARKET_AREA = (37.5, 127.0, 37.6, 127.1)
    place = manager_api.post(PLACES, FOREST, format="json")
    assert place.status_code == 201
    assert manager_api.patch(place["Location"], {"latitude": 37.7}, format="json").json()["code"] == "outside_area"
    assert PickupPlace.objects.get().latitude == FOREST["latitude"]


def test_a_manager_has_so_many_places_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "MAX_PLACES", 1)
    first = add(ids.uuid7())
    with pytest.raises(TooManyPlacesError):
        add(first.manager_id)
    add(ids.uuid7())
    assert PickupPlace.objects.count() == 2


# -- Items at a place -------------------------------------------------------------------------------------------------------------


def test_an_item_is_registered_at_a_place_which_its_manager_alone_is_told(manager_api: APIClient, api: APIClient) -> None:
    place = manager_api.post(PLACES, FOREST, format="json").json()
    answer = manager_api.post(ITEMS, DRILL | {"pickup_place": place["id"]}, format="json")
    assert answer.status_code == 201, answer.content
    item = answer.json()
    assert (item["place"], item["latitude"], item["longitude"], item["pickup_place"]) == ("서울숲 입구", 37.5444, 127.0374, place["id"])
    seen = api.get(f"{ITEMS}/{item['id']}").json()
    assert (seen["place"], seen["pickup_place"]) == ("서울숲 입구", None)
    assert FOREST["address"] not in str(seen)
    assert domain.distance_m(here=(seen["latitude"], seen["longitude"]), there=(37.5444, 127.0374)) <= domain.BLUR_M + 1


def test_without_a_place_all_that_says_where_it_is_must_be_there(manager_api: APIClient) -> None:
    for place in ({}, {"pickup_place": None}):
        errors = manager_api.post(ITEMS, DRILL | place, format="json").json()["errors"]
        assert {each["field"]: each["code"] for each in errors} == dict.fromkeys(TYPED, "required")
    assert not Item.objects.exists()


def test_an_item_is_put_at_a_place_and_taken_from_it(manager_api: APIClient) -> None:
    place = manager_api.post(PLACES, FOREST, format="json").json()
    item = manager_api.post(ITEMS, DRILL | TYPED, format="json")
    address = item["Location"]
    placed = manager_api.patch(address, {"pickup_place": place["id"]}, format="json").json()
    assert (placed["place"], placed["latitude"], placed["pickup_place"], placed["version"]) == ("서울숲 입구", 37.5444, place["id"], 2)
    same = manager_api.patch(address, {"latitude": placed["latitude"], "name": "망치"}, format="json").json()
    assert same["pickup_place"] == place["id"]
    moved = manager_api.patch(address, {"latitude": 37.55}, format="json").json()
    assert (moved["latitude"], moved["place"], moved["pickup_place"]) == (37.55, "서울숲 입구", None)
    manager_api.patch(address, {"pickup_place": place["id"]}, format="json")
    taken = manager_api.patch(address, {"pickup_place": None}, format="json").json()
    assert (taken["latitude"], taken["pickup_place"]) == (37.5444, None)


def test_items_follow_their_place_each_by_a_fact(manager: Any) -> None:
    place, elsewhere = add(manager.pk), add(manager.pk, name="왕십리", latitude=37.5611)
    items = [register(place, name=f"드릴 {number}") for number in range(3)]
    withdrawn, other = register(place), register(elsewhere)
    services.withdraw_item(item_id=withdrawn.id, by=manager.pk, now=clock.now())

    places.revise_place(place_id=place.id, by=manager.pk, now=clock.now(), name="성수역", latitude=37.5446, longitude=127.056)
    bus.run_until_idle()

    assert {where(item) for item in items} == {("성수역", 37.5446, 127.056, place.id)}
    assert all(item.is_blurred and item.version == 2 for item in items)
    assert [where(item)[0] for item in (withdrawn, other)] == ["서울숲 입구", "왕십리"]
    assert facts() == ["ItemRegistered"] * 5 + ["PickupPlaceRevised"] + ["ItemRevised"] * 3


def test_many_items_follow_in_batches(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOVED_AT_ONCE", 2)
    place = add(manager.pk)
    items = [register(place, name=f"드릴 {number}") for number in range(5)]
    places.revise_place(place_id=place.id, by=manager.pk, now=clock.now(), latitude=37.55)
    bus.run_until_idle()
    assert {where(item)[1] for item in items} == {37.55}
    assert facts().count("PickupPlaceRevised") == 3
    assert facts().count("ItemRevised") == 5


def test_a_new_address_alone_moves_nothing(manager: Any) -> None:
    place = add(manager.pk)
    register(place)
    places.revise_place(place_id=place.id, by=manager.pk, now=clock.now(), address="왕십리로 1")
    places.revise_place(place_id=place.id, by=manager.pk, now=clock.now(), address="왕십리로 1")
    bus.run_until_idle()
    assert facts() == ["ItemRegistered"]
    place.refresh_from_db()
    assert (place.address, place.version) == ("왕십리로 1", 2)


def test_what_is_told_twice_moves_nothing_twice(manager: Any) -> None:
    place = add(manager.pk)
    item = register(place)
    places.revise_place(place_id=place.id, by=manager.pk, now=clock.now(), latitude=37.55)
    for _ in range(2):
        services.move_items(place_id=place.id, now=clock.now())
    item.refresh_from_db()
    assert item.version == 2


def test_a_place_is_deleted_once_no_listed_item_uses_it(manager: Any) -> None:
    place = add(manager.pk)
    item = register(place)
    with pytest.raises(PlaceInUseError):
        places.delete_place(place_id=place.id, by=manager.pk)
    services.withdraw_item(item_id=item.id, by=manager.pk, now=clock.now())
    with pytest.raises(PlaceNotFoundError):
        places.delete_place(place_id=place.id, by=ids.uuid7())
    places.delete_place(place_id=place.id, by=manager.pk)
    assert where(item) == ("서울숲 입구", 37.5444, 127.0374, None)
    services.move_items(place_id=place.id, now=clock.now())
