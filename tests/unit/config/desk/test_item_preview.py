"""An item as a renter sees it, on the desk."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.items.models import Item, ItemManager
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory
from tests.unit.items.photo_actions import with_photos

pytestmark = pytest.mark.django_db


def preview(item: Item) -> str:
    return f"/admin/items/item/{item.pk}/preview/"


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


@pytest.fixture
def screens(manager: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(manager)
    return client


def test_a_manager_sees_what_the_api_tells_strangers(screens: Client, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="<드릴>", daily_price=8_000, deposit=30_000, description="18 V\n배터리")
    with_photos(item, "앞에서 본 모습")
    assert f'href="{preview(item)}"' in screens.get(f"/admin/items/item/{item.pk}/change/").content.decode()
    answer = screens.get(preview(item))
    shown, told = answer.context["item"], APIClient().get(f"/api/v1/items/{item.pk}").json()
    for photo in told["photos"]:  # the API has whole addresses
        photo["url"], photo["thumbnail"] = (photo[name].removeprefix("http://testserver") for name in ("url", "thumbnail"))
    times = {"registered_at": "", "updated_at": ""}
    assert {**shown, "id": str(item.pk), "manager": str(manager.pk), **times} == told | times
    assert shown["latitude"] != item.latitude
    page = answer.content.decode()
    for text in ("&lt;드릴&gt;", "공구", "서울 중구", "₩8,000", "₩30,000", "18 V<br>배터리", "Available", 'alt="앞에서 본 모습"'):
        assert text in page, text
    assert "Renters do not find it now." not in page


def test_an_item_that_cannot_be_requested_is_not_called_available(screens: Client, manager: Any) -> None:
    for traits, word in (({"paused": True}, "Paused"), ({"withdrawn": True}, "Withdrawn")):
        page = screens.get(preview(ItemFactory(manager_id=manager.pk, **traits))).content.decode()
        assert f'">{word}</span>' in page
        assert "Available" not in page


def test_it_says_so_where_renters_do_not_find_it(screens: Client, manager: Any) -> None:
    gone, item = ItemFactory(manager_id=manager.pk, withdrawn=True), ItemFactory(manager_id=manager.pk)
    assert "Renters do not find it now." in screens.get(preview(gone)).content.decode()
    ItemManager.objects.create(manager_id=manager.pk, is_suspended=True, version=1)
    assert "Renters do not find it now." in screens.get(preview(item)).content.decode()


def test_it_is_there_for_its_manager_and_operators_alone(screens: Client) -> None:
    item = ItemFactory()
    assert screens.get(preview(item)).status_code == 404
    operator, renter = Client(), Client()
    operator.force_login(UserFactory(operator=True))
    renter.force_login(UserFactory(renter=True))
    assert operator.get(preview(item)).status_code == 200
    assert renter.get(preview(item)).status_code == 302


def test_it_takes_few_queries_whatever_the_item_has(screens: Client, manager: Any) -> None:
    plain, full = ItemFactory(manager_id=manager.pk), ItemFactory(manager_id=manager.pk)
    with_photos(full, *"abcdefgh")
    counts = []
    for item in (plain, plain, full):
        with CaptureQueriesContext(connection) as queries:
            screens.get(preview(item))
        counts.append(len(queries))
    assert counts[1] == counts[2]
