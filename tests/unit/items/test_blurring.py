"""Strangers are shown where an item is only roughly: nobody's home is public to the metre."""

import math
import random
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db.models import F
from django.test import Client
from rest_framework.test import APIClient

from apps.items import domain, queries, services
from apps.items.models import Item
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.migrating import migrate, newest

ITEMS = "/api/v1/items"
HOME = (37.566312, 126.977943)
AsUser = Callable[[Any], APIClient]


def shown(item: dict[str, Any]) -> tuple[float, float]:
    return item["latitude"], item["longitude"]


def at_home(**details: Any) -> Item:
    item: Item = ItemFactory(latitude=HOME[0], longitude=HOME[1], **details)
    return item


def test_a_blurred_place_is_never_farther_than_300_m_nor_as_a_rule_close() -> None:
    chance = random.Random(11)
    distances = []
    for _ in range(2_000):
        place = (chance.uniform(-89.9, 89.9), chance.uniform(-180, 180))
        blurred = domain.blurred(latitude=place[0], longitude=place[1], seed=chance.randbytes(16))
        distances.append(domain.distance_m(here=place, there=blurred))

    assert max(distances) <= domain.BLUR_M + 1
    assert 140 < sum(distances) / len(distances) < 180


@pytest.mark.parametrize("place", [(90.0, 0.0), (-90.0, 180.0), (0.0, 180.0), (0.0, -180.0), (66.5, 179.9999)])
def test_a_blurred_place_is_on_earth_and_near(place: tuple[float, float]) -> None:
    for seed in range(50):
        latitude, longitude = domain.blurred(latitude=place[0], longitude=place[1], seed=random.Random(seed).randbytes(16))
        assert abs(latitude) <= domain.MAX_LATITUDE
        assert abs(longitude) <= domain.MAX_LONGITUDE
        assert domain.distance_m(here=place, there=(latitude, longitude)) <= domain.BLUR_M + 1


@pytest.mark.django_db
def test_strangers_see_an_item_roughly_and_always_at_the_same_place(api: APIClient, as_user: AsUser) -> None:
    item = at_home()
    renter = as_user(UserFactory())
    answers = [api.get(f"{ITEMS}/{item.id}").json(), api.get(ITEMS).json()["results"][0], renter.get(f"{ITEMS}/{item.id}").json()]
    item.refresh_from_db()
    services.revise_item(item_id=item.id, by=item.manager_id, now=clock.now(), name="같은 집의 드릴")
    answers.append(api.get(f"{ITEMS}/{item.id}").json())

    assert len({shown(answer) for answer in answers}) == 1
    assert 0 < domain.distance_m(here=HOME, there=shown(answers[0])) <= domain.BLUR_M + 1


@pytest.mark.django_db
def test_a_manager_with_many_items_at_one_home_is_not_found_by_averaging(api: APIClient) -> None:
    manager_id = ids.uuid7()
    for _ in range(30):
        at_home(manager_id=manager_id)

    assert len({shown(item) for item in api.get(f"{ITEMS}?limit=100").json()["results"]}) == 1


@pytest.mark.django_db
def test_who_registers_items_next_door_learns_nothing_of_a_neighbours_cell(api: APIClient) -> None:
    at_home(manager_id=UUID(int=1))
    at_home(manager_id=UUID(int=2))

    assert len({shown(item) for item in api.get(ITEMS).json()["results"]}) == 2


@pytest.mark.django_db
def test_a_manager_sees_and_keeps_the_exact_place(as_user: AsUser, api: APIClient) -> None:
    person = UserFactory(item_manager=True)
    manager = as_user(person)
    body = {"name": "사다리", "category": "공구", "place": "중구", "daily_price": 1_000, "latitude": HOME[0], "longitude": HOME[1]}
    registered = manager.post(ITEMS, body, format="json").json()
    listed = manager.get(ITEMS).json()["results"][0]
    revised = manager.patch(f"{ITEMS}/{registered['id']}", {"latitude": listed["latitude"], "daily_price": 2_000}, format="json").json()

    assert {shown(answer) for answer in (registered, listed, revised, manager.get(f"{ITEMS}/{registered['id']}").json())} == {HOME}
    assert shown(api.get(f"{ITEMS}/{registered['id']}").json()) != HOME


@pytest.mark.django_db
def test_an_answer_kept_by_a_stranger_is_not_taken_for_the_managers(as_user: AsUser, api: APIClient) -> None:
    person = UserFactory(item_manager=True)
    item = at_home(manager_id=person.id)
    strangers = api.get(f"{ITEMS}/{item.id}")["ETag"]

    own = as_user(person).get(f"{ITEMS}/{item.id}", headers={"If-None-Match": strangers})

    assert (own.status_code, shown(own.json())) == (200, HOME)
    assert as_user(person).patch(f"{ITEMS}/{item.id}", {"deposit": 1}, format="json", headers={"If-Match": own["ETag"]}).status_code == 200


@pytest.mark.django_db
def test_distances_are_to_the_place_that_is_shown_so_that_three_of_them_do_not_give_the_home_away(api: APIClient) -> None:
    item = at_home()
    place = shown(api.get(f"{ITEMS}/{item.id}").json())

    for dx, dy in ((0.004, 0), (0, 0.004), (-0.004, -0.004), (0, 0)):
        spy = (round(HOME[0] + dx, 6), round(HOME[1] + dy, 6))
        found = api.get(f"{ITEMS}?near={spy[0]},{spy[1]}&radius_m=5000&ordering=distance&limit=1").json()
        assert found["results"][0]["distance_m"] == pytest.approx(domain.distance_m(here=spy, there=place), abs=1)
    around = math.ceil(domain.distance_m(here=HOME, there=place))
    assert api.get(f"{ITEMS}?near={HOME[0]},{HOME[1]}&radius_m={max(around - 2, 1)}").json()["results"] == []


@pytest.mark.django_db
def test_operators_see_the_exact_place_in_the_admin() -> None:
    item = at_home()
    desk = Client()
    desk.force_login(UserFactory(operator=True))

    assert str(HOME[0]) in desk.get(f"/admin/items/item/{item.id}/change/").content.decode()


@pytest.mark.django_db
def test_a_place_that_moved_is_blurred_anew(api: APIClient) -> None:
    item = at_home()
    services.revise_item(item_id=item.id, by=item.manager_id, now=clock.now(), latitude=35.1796, longitude=129.0756)

    assert domain.distance_m(here=(35.1796, 129.0756), there=shown(api.get(f"{ITEMS}/{item.id}").json())) <= domain.BLUR_M + 1


@pytest.mark.django_db
def test_a_new_secret_key_moves_no_place(api: APIClient, settings: Any) -> None:
    item = at_home()
    then = shown(api.get(f"{ITEMS}/{item.id}").json())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, []

    services.revise_item(item_id=item.id, by=item.manager_id, now=clock.now(), name="같은 집의 드릴")
    at_home(manager_id=item.manager_id)
    services.revise_item(item_id=item.id, by=item.manager_id, now=clock.now(), latitude=35.1796)
    services.revise_item(item_id=item.id, by=item.manager_id, now=clock.now(), latitude=HOME[0])

    assert {shown(found) for found in api.get(ITEMS).json()["results"]} == {then}


@pytest.mark.django_db(transaction=True)
def test_new_items_at_a_home_that_was_blurred_before_are_shown_where_the_old_ones_are(settings: Any) -> None:
    built = ItemFactory.build(manager_id=ids.uuid7(), latitude=HOME[0], longitude=HOME[1])
    columns = {name: value for name, value in vars(built).items() if name not in {"_state", "photos", "pickup_place_id", "code"}}
    try:
        migrate(("items", "0005_blurred_places")).get_model("items", "Item").objects.create(**columns)
    finally:
        migrate(newest("items"))
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another" * 10, []

    old, new = Item.objects.get(id=built.id), at_home(manager_id=built.manager_id)

    assert old.is_blurred
    assert old.shown_place == new.shown_place != HOME


@pytest.mark.django_db
def test_what_an_older_version_wrote_is_shown_roughly_too_and_blurred_afterwards(api: APIClient) -> None:
    new, moved = at_home(), at_home()
    places = {str(item.id): item.shown_place for item in (new, moved)}
    Item.objects.filter(id=new.id).update(shown_latitude=None, shown_longitude=None)
    Item.objects.filter(id=moved.id).update(shown_latitude=F("shown_latitude") + 0.1)

    assert shown(api.get(f"{ITEMS}/{new.id}").json()) == (round(HOME[0], 2), round(HOME[1], 2))
    assert services.blur_places(item_ids=list(queries.list_unblurred().values_list("id", flat=True))) == 2
    assert list(queries.list_unblurred()) == []
    assert {item["id"]: shown(item) for item in api.get(ITEMS).json()["results"]} == places
