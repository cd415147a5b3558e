"""Forms of the admin that are refused: nothing that was typed is lost, and it is seen what is there now."""

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from apps.items.models import Category, Item, PickupPlace
from apps.items.queries import categories as known
from apps.items.services import places, revise_item
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def operator() -> Any:
    known.clear_cache()
    return UserFactory(operator=True, display_name="운영이")


def signed_in(person: Any) -> Client:
    client = Client(headers=ENGLISH)
    client.force_login(person)
    return client


def page_of(row: Any) -> str:
    return reverse(f"admin:items_{row._meta.model_name}_change", args=[row.pk])


def typed_of(client: Client, row: Any) -> dict[str, Any]:
    """Return what a browser would send of a form that was opened and not touched."""
    form = client.get(page_of(row)).context["adminform"].form
    return {name: "" if (value := form[name].value()) is None else value for name in form.fields}


def form_of(answer: Any) -> Any:
    assert answer.status_code == 200
    return answer.context["adminform"].form


def test_two_tabs_lose_nothing_and_the_second_sees_both_versions(manager: Any, operator: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="드릴", description="18 V", daily_price=8_000)
    managers, operators = signed_in(manager), signed_in(operator)
    first, second = typed_of(operators, item), typed_of(managers, item)
    assert operators.post(page_of(item), first | {"daily_price": "9000", "category": "캠핑"}).status_code == 302

    answer = managers.post(page_of(item), second | {"name": "해머 드릴", "description": "36 V\r\n배터리"})

    form, shown = form_of(answer), answer.content.decode()
    assert {name: form[name].value() for name in ("name", "description", "daily_price")} == {
        "name": "해머 드릴",
        "description": "36 V\r\n배터리",
        "daily_price": "8000",
    }
    assert {name: list(texts) for name, texts in form.errors.items()} == {
        "name": ["It is now: 드릴"],
        "description": ["It is now: 18 V"],
        "category": ["It is now: Camping (운영이)"],
        "daily_price": ["It is now: ₩9,000 (운영이)"],
    }
    assert "What you typed is kept." in shown
    assert "Please correct the error" not in shown
    item.refresh_from_db()
    assert (item.name, item.daily_price, item.version) == ("드릴", 9_000, 2)

    again = {name: form[name].value() or "" for name in form.fields}
    assert again["seen_version"] == "2"
    assert managers.post(page_of(item), again).status_code == 302
    item.refresh_from_db()
    assert (item.name, item.category, item.daily_price, item.version) == ("해머 드릴", "공구", 8_000, 3)


def test_who_saves_again_is_asked_again_where_it_changed_once_more(manager: Any, operator: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    managers, operators = signed_in(manager), signed_in(operator)
    typed = typed_of(managers, item)
    operators.post(page_of(item), typed | {"deposit": "1"})
    again = form_of(managers.post(page_of(item), typed | {"name": "망치"}))
    operators.post(page_of(item), typed | {"deposit": "2", "seen_version": "2"})
    form = form_of(managers.post(page_of(item), {name: again[name].value() or "" for name in again.fields}))
    assert list(form.errors["deposit"]) == ["It is now: ₩2 (운영이)"]
    assert Item.objects.get().deposit == 2


def test_a_form_that_is_sent_twice_is_saved_once(manager: Any, operator: Any) -> None:
    place = places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), name="서울숲", latitude=37.54, longitude=127.03)
    category = Category.objects.get(key="공구")
    for row, person, changed in (
        (ItemFactory(manager_id=manager.pk), manager, {"name": "망치", "pickup_place": str(place.pk)}),
        (place, manager, {"name": "뚝섬역"}),
        (category, operator, {"name_en": "Hardware"}),
    ):
        client = signed_in(person)
        typed = typed_of(client, row) | changed
        assert [client.post(page_of(row), typed).status_code for _turn in range(2)] == [302, 302]
        row.refresh_from_db()
        assert row.version == int(typed["seen_version"]) + 1
        assert LogEntry.objects.filter(object_id=row.pk).count() == 1


def test_a_stale_choice_of_a_place_says_which_it_is_now(manager: Any) -> None:
    details: Any = {"latitude": 37.5444, "longitude": 127.0374}
    one, other = (places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), name=name, **details) for name in "가나")
    item = ItemFactory(manager_id=manager.pk)
    client = signed_in(manager)
    typed = typed_of(client, item)
    revise_item(item_id=item.pk, by=manager.pk, now=clock.now(), pickup_place=one.pk)  # as by the API: no history says by whom
    form = form_of(client.post(page_of(item), typed | {"pickup_place": str(other.pk)}))
    assert list(form.errors["pickup_place"]) == ["It is now: 가"]
    assert form["pickup_place"].value() == str(other.pk)


def test_a_place_and_a_category_keep_what_was_typed_too(manager: Any, operator: Any) -> None:
    place = places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), name="서울숲", latitude=37.54, longitude=127.03)
    category = Category.objects.get(key="공구")
    for row, person, field, texts in (
        (place, manager, "name", ("뚝섬역", "왕십리")),
        (category, operator, "name_en", ("Hardware", "Ironware")),
    ):
        client = signed_in(person)
        typed = typed_of(client, row)
        assert client.post(page_of(row), typed | {field: texts[0]}).status_code == 302
        form = form_of(client.post(page_of(row), typed | {field: texts[1]}))
        assert {name: list(now) for name, now in form.errors.items()} == {field: [f"It is now: {texts[0]} ({person.display_name})"]}
        assert form[field].value() == texts[1]
        assert client.post(page_of(row), {name: form[name].value() or "" for name in form.fields}).status_code == 302
    assert (PickupPlace.objects.get().name, Category.objects.get(key="공구").name_en) == ("왕십리", "Ironware")


def test_what_is_not_about_a_field_stands_on_top_with_all_that_was_typed(manager: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.items.domain.MAX_PLACES", 0)
    client = signed_in(manager)
    form = form_of(client.post("/admin/items/pickupplace/add/", {"name": "서울숲", "latitude": "37.5", "longitude": "127"}))
    assert list(form.non_field_errors()) == ["A manager has up to 0 pickup places: delete one first."]
    assert form["name"].value() == "서울숲"
    assert not PickupPlace.objects.exists()


def test_a_refusal_leaves_no_history(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, version=2)
    client = signed_in(manager)
    client.post(page_of(item), typed_of(client, item) | {"name": "망치", "seen_version": "1"})
    client.post(page_of(item), typed_of(client, item))
    assert not LogEntry.objects.exists()
