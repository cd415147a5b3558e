"""Categories and pickup places in the web admin, and the item's form with both."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from apps.items.models import Category, Item, PickupPlace
from apps.items.queries import categories as known
from apps.items.services import places
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db
ITEMS, CATEGORIES, PLACES = "/admin/items/item/", "/admin/items/category/", "/admin/items/pickupplace/"
FOREST = {"name": "서울숲 입구", "address": "뚝섬로 273", "latitude": "37.5444", "longitude": "127.0374", "seen_version": ""}
GARDEN = {"name_ko": "텃밭 도구", "name_en": "Allotment", "icon": "garden", "position": "1", "is_active": "on"}
DRILL = {"name": "드릴", "category": "공구", "description": "", "daily_price": "8000", "deposit": "0", "seen_version": ""}
TYPED = {"pickup_place": "", "place": "성수역", "latitude": "37.5446", "longitude": "127.056"}


@pytest.fixture
def screens(manager: Any, client: Client) -> Client:
    client.force_login(manager)
    return client


@pytest.fixture
def operator(client: Client) -> Client:
    known.clear_cache()
    client.force_login(UserFactory(operator=True))
    return client


def add(manager_id: Any) -> PickupPlace:
    details: Any = {"name": "서울숲 입구", "latitude": 37.5444, "longitude": 127.0374}
    return places.add_place(place_id=ids.uuid7(), manager_id=manager_id, now=clock.now(), **details)


def errors_of(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200
    return dict(answer.context["adminform"].form.errors)


def page_of(row: Any) -> str:
    return reverse(f"admin:items_{row._meta.model_name}_change", args=[row.pk])


# -- Categories -------------------------------------------------------------------------------------------------------------------


def test_an_operator_adds_renames_and_deactivates_a_category(operator: Client) -> None:
    assert operator.post(f"{CATEGORIES}add/", GARDEN).status_code == 302
    category = Category.objects.get(key="텃밭도구")
    changed = {name: value for name, value in GARDEN.items() if name != "is_active"} | {"name_en": "Gardening"}
    assert operator.post(page_of(category), changed).status_code == 302
    category.refresh_from_db()
    assert (category.name_en, category.is_active) == ("Gardening", False)
    assert set(category.names.values_list("folded", flat=True)) == {"텃밭도구", "allotment", "gardening"}
    shown = operator.get(CATEGORIES).content.decode()
    assert "/static/items/icons/garden.svg" in shown
    assert "텃밭 도구" in shown


def test_a_name_of_another_category_is_refused_beside_its_field_with_what_was_typed(operator: Client) -> None:
    answer = operator.post(f"{CATEGORIES}add/", GARDEN | {"name_en": "par ty"})
    assert list(errors_of(answer)) == ["name_en"]
    assert "텃밭 도구" in answer.content.decode()
    assert not Category.objects.filter(key="텃밭도구").exists()


def test_a_stale_form_of_a_category_overwrites_nothing(operator: Client) -> None:
    category = Category.objects.get(key="공구")
    assert operator.get(page_of(category)).context["adminform"].form.initial["seen_version"] == 1
    assert operator.post(page_of(category), GARDEN | {"name_en": "Hardware", "seen_version": "1"}).status_code == 302
    answer = operator.post(page_of(category), GARDEN | {"name_en": "Ironware", "seen_version": "1"}, follow=True)
    assert "The category was changed by someone else" in answer.content.decode()
    category.refresh_from_db()
    assert (category.name_en, category.version) == ("Hardware", 2)


def test_the_filter_names_categories_in_the_readers_language(operator: Client) -> None:
    Category.objects.filter(key="파티").update(is_active=False)
    tent, _other = ItemFactory(category="파 티"), ItemFactory(category="공구")
    for language, name in (("ko", "파티"), ("en", "Party")):
        page = operator.get(ITEMS, {"category": "파티"}, headers={"accept-language": language}).context["cl"]
        (chosen,) = [choice for choice in page.filter_specs if choice.title == {"ko": "분류", "en": "category"}[language]]
        assert ("파티", name) in chosen.lookup_choices
        assert list(page.result_list) == [tent]


def test_no_category_is_deleted(operator: Client) -> None:
    category = Category.objects.get(key="공구")
    assert operator.post(reverse("admin:items_category_delete", args=["공구"]), {"post": "yes"}).status_code == 403
    assert Category.objects.get(key="공구") == category


def test_managers_do_not_see_the_list_of_categories(screens: Client) -> None:
    assert screens.get(CATEGORIES).status_code == 403
    assert screens.post(f"{CATEGORIES}add/", GARDEN).status_code == 403
    assert not Category.objects.filter(key="텃밭도구").exists()


def test_an_items_category_is_chosen_by_its_name_in_the_readers_language(screens: Client) -> None:
    for language, name in (("ko", "파티"), ("en", "Party")):
        form = screens.get(f"{ITEMS}add/", headers={"accept-language": language}).context["adminform"].form
        assert ("파티", name) in form.fields["category"].choices
    assert list(errors_of(screens.post(f"{ITEMS}add/", DRILL | TYPED | {"category": "파티용품"}))) == ["category"]
    assert not Item.objects.exists()


def test_an_item_whose_category_cannot_be_chosen_any_more_is_changed_all_the_same(screens: Client, manager: Any) -> None:
    Category.objects.filter(key="공구").update(is_active=False)
    item = ItemFactory(manager_id=manager.pk)
    assert screens.post(page_of(item), DRILL | TYPED | {"name": "망치", "seen_version": "1"}).status_code == 302
    item.refresh_from_db()
    assert (item.name, item.category, item.category_key) == ("망치", "공구", "공구")


# -- Pickup places ----------------------------------------------------------------------------------------------------------------


def test_a_manager_adds_and_moves_a_place_and_its_items_with_it(screens: Client, manager: Any) -> None:
    assert screens.post(f"{PLACES}add/", FOREST).status_code == 302
    place = PickupPlace.objects.get()
    assert (place.manager_id, place.name, place.latitude) == (manager.pk, "서울숲 입구", 37.5444)
    assert screens.post(f"{ITEMS}add/", DRILL | TYPED | {"pickup_place": str(place.pk), "place": "", "latitude": ""}).status_code == 302
    item = Item.objects.get()
    assert (item.place, item.latitude, item.pickup_place_id) == ("서울숲 입구", 37.5444, place.pk)
    assert screens.post(page_of(place), FOREST | {"latitude": "37.55", "seen_version": "1"}).status_code == 302
    place.refresh_from_db()
    assert (place.latitude, place.version) == (37.55, 2)


def test_a_typed_place_is_no_pickup_place_and_lies_in_the_area(screens: Client) -> None:
    swapped = {"latitude": TYPED["longitude"], "longitude": TYPED["latitude"]}
    assert list(errors_of(screens.post(f"{ITEMS}add/", DRILL | TYPED | swapped))) == ["latitude"]
    in_tokyo = {"latitude": "35.68", "longitude": "139.77"}
    for address, form in ((f"{ITEMS}add/", DRILL | TYPED), (f"{PLACES}add/", FOREST)):
        assert "outside the market" in str(errors_of(screens.post(address, form | in_tokyo))["latitude"])
    assert screens.post(f"{ITEMS}add/", DRILL | TYPED).status_code == 302
    assert Item.objects.get().pickup_place_id is None
    assert not PickupPlace.objects.exists()


def test_an_item_far_away_is_changed_without_moving_it(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, latitude=35.68, longitude=139.77)
    form = DRILL | {"pickup_place": "", "place": item.place, "latitude": "35.68", "longitude": "139.77", "seen_version": "1"}
    assert screens.post(page_of(item), form).status_code == 302
    item.refresh_from_db()
    assert item.name == "드릴"


def test_without_a_pickup_place_all_that_says_where_it_is_must_be_there(screens: Client) -> None:
    empty = dict.fromkeys(("pickup_place", "place", "latitude", "longitude"), "")
    assert set(errors_of(screens.post(f"{ITEMS}add/", DRILL | empty))) == {"place", "latitude", "longitude"}
    assert not Item.objects.exists()


def test_nobody_sees_or_uses_anothers_place(screens: Client) -> None:
    theirs = add(ids.uuid7())
    assert "서울숲 입구" not in screens.get(PLACES).content.decode()
    assert screens.get(page_of(theirs)).status_code == 302
    assert "서울숲 입구" not in screens.get(f"{ITEMS}add/").content.decode()
    assert list(errors_of(screens.post(f"{ITEMS}add/", DRILL | TYPED | {"pickup_place": str(theirs.pk)}))) == ["pickup_place"]
    screens.post(reverse("admin:items_pickupplace_delete", args=[theirs.pk]), {"post": "yes"})
    assert (PickupPlace.objects.get(), Item.objects.count()) == (theirs, 0)


def test_an_operator_is_offered_the_places_of_the_items_manager(operator: Client) -> None:
    item = ItemFactory()
    own, _others = add(item.manager_id), add(ids.uuid7())
    form = operator.get(page_of(item)).context["adminform"].form
    assert list(form.fields["pickup_place"].queryset) == [own]


def test_a_stale_form_of_a_place_overwrites_nothing(screens: Client, manager: Any) -> None:
    place = add(manager.pk)
    places.revise_place(place_id=place.pk, by=manager.pk, now=clock.now(), name="뚝섬역")
    answer = screens.post(page_of(place), FOREST | {"name": "왕십리", "seen_version": "1"}, follow=True)
    assert "changed by someone else" in answer.content.decode()
    place.refresh_from_db()
    assert place.name == "뚝섬역"


def test_a_place_is_deleted_unless_items_use_it(screens: Client, manager: Any) -> None:
    place = add(manager.pk)
    item = ItemFactory(manager_id=manager.pk, pickup_place=place)
    address = reverse("admin:items_pickupplace_delete", args=[place.pk])
    assert item.name in screens.get(address).content.decode()
    screens.post(address, {"post": "yes"})
    assert PickupPlace.objects.exists()
    Item.objects.update(pickup_place=None)
    assert screens.post(address, {"post": "yes"}).status_code == 302
    assert not PickupPlace.objects.exists()


def test_the_button_for_the_devices_location_is_a_script_of_our_own(screens: Client) -> None:
    page = screens.get(f"{PLACES}add/", headers={"accept-language": "en"}).content.decode()
    assert '<script src="/static/items/location.js"></script>' in page
    assert 'data-locate="Use this device&#x27;s location"' in page
