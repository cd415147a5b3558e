"""Registering an item like another in the admin."""

from typing import Any

import pytest
from django.test import Client

from apps.items.models import Item, PhotoFile
from apps.items.services import places
from gdmarket import clock, ids
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.unit.items.photo_actions import with_photos
from tests.unit.items.test_admin_stale import page_of, signed_in

pytestmark = pytest.mark.django_db
ADD = "/admin/items/item/add/"


def filled_in(client: Client, address: str) -> dict[str, Any]:
    form = client.get(address).context["adminform"].form
    return {name: "" if (value := form[name].value()) is None else value for name in form.fields}


def test_an_item_is_registered_like_another_with_its_photos(manager: Any) -> None:
    place = places.add_place(place_id=ids.uuid7(), manager_id=manager.pk, now=clock.now(), name="서울숲", latitude=37.54, longitude=127.03)
    item = ItemFactory(manager_id=manager.pk, name="드릴", category="캠핑", pickup_place=place)
    first, second = with_photos(item, "앞", "뒤")
    client = signed_in(manager)
    assert f'href="{ADD}?copy={item.pk}"' in client.get(page_of(item)).content.decode()
    assert "Its 2 photos are copied as well." in client.get(f"{ADD}?copy={item.pk}").content.decode()
    typed = filled_in(client, f"{ADD}?copy={item.pk}")
    assert typed["name"] == "드릴 (copy)"

    assert client.post(f"{ADD}?copy={item.pk}", typed | {"name": "드릴 2"}).status_code == 302

    copy = Item.objects.exclude(pk=item.pk).get()
    same = ("description", "category", "category_key", "daily_price", "deposit", "pickup_place_id", "manager_id")
    assert {name: getattr(copy, name) for name in same} == {name: getattr(item, name) for name in same}
    assert (copy.name, copy.place, copy.version) == ("드릴 2", "서울숲", 1)
    item.refresh_from_db()
    assert [(photo["file"], photo["alt"]) for photo in copy.photos or ()] == [(photo["file"], photo["alt"]) for photo in item.photos or ()]
    assert not {photo["id"] for photo in copy.photos or ()} & {first, second}
    assert not PhotoFile.objects.exclude(removing_at=None).exists()


def test_the_name_of_a_copy_is_in_the_readers_language_and_fits(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="가" * 100)
    client = signed_in(manager)
    form = client.get(f"{ADD}?copy={item.pk}", headers={"accept-language": "ko"}).context["adminform"].form
    assert form["name"].value() == "가" * 95 + " (사본)"
    assert len(filled_in(client, f"{ADD}?copy={item.pk}")["name"]) == 100


def test_a_withdrawn_item_is_duplicated_too_and_anothers_is_not(manager: Any) -> None:
    client = signed_in(manager)
    gone, theirs = ItemFactory(manager_id=manager.pk, name="간것", withdrawn=True), ItemFactory(name="남의 드릴")
    with_photos(theirs, "앞")
    assert filled_in(client, f"{ADD}?copy={gone.pk}")["name"] == "간것 (copy)"
    for copied in (theirs.pk, "x", ""):
        assert filled_in(client, f"{ADD}?copy={copied}")["name"] == ""
    typed = filled_in(client, f"{ADD}?copy={gone.pk}")
    client.post(f"{ADD}?copy={theirs.pk}", typed | {"name": "새것"})
    assert Item.objects.get(name="새것").photos is None


def test_an_operator_who_registers_nothing_is_not_offered_to_duplicate(manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    client = signed_in(UserFactory(operator=True))
    assert "?copy=" not in client.get(page_of(item)).content.decode()
    assert client.get(f"{ADD}?copy={item.pk}").status_code == 403
