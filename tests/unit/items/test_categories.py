"""Categories: one list that operators keep, known by any of its names, made of what items had before."""

from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from apps.items import domain, services
from apps.items.errors import (
    BadCategoryError,
    BadIconError,
    CategoryNameTakenError,
    CategoryVersionMismatchError,
    TooManyCategoriesError,
    UnknownCategoryError,
)
from apps.items.models import Category, CategoryName, Item
from apps.items.queries import categories as known
from apps.items.services import categories, places
from apps.items.services.default_categories import DEFAULTS, OTHER
from gdmarket import clock, databases, ids
from gdmarket.errors import DomainError
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db
ITEMS, CATEGORIES = "/api/v1/items", "/api/v1/categories"
DRILL: dict[str, Any] = {"name": "드릴", "category": "공구", "place": "성수역", "latitude": 37.5, "longitude": 127.0, "daily_price": 8_000}
GARDEN: dict[str, Any] = {"name_ko": "텃밭 도구", "name_en": "Allotment", "icon": "garden", "position": 1, "is_active": True}
Clients = Callable[[Any], APIClient]


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> Iterator[None]:
    known.clear_cache()
    yield
    known.clear_cache()


@pytest.fixture
def client(as_user: Clients) -> APIClient:
    return as_user(UserFactory(item_manager=True))


def register(**details: Any) -> Item:
    return services.register_item(item_id=ids.uuid7(), manager_id=ids.uuid7(), now=clock.now(), **DRILL | details)


# -- The list ---------------------------------------------------------------------------------------------------------------------


def test_a_new_market_has_categories_in_both_languages(api: APIClient) -> None:
    results = api.get(CATEGORIES).json()["results"]
    assert [each["name_ko"] for each in results] == [each.name_ko for each in (*DEFAULTS, OTHER)]
    icon = "http://testserver/static/items/icons/tools.svg"
    assert results[0] == {"key": "공구", "name_ko": "공구", "name_en": "Tools", "icon": "tools", "icon_url": icon}


def test_the_list_has_its_own_order_and_nothing_that_cannot_be_chosen(api: APIClient) -> None:
    Category.objects.exclude(key__in=["파티", "캠핑", "여행"]).update(is_active=False)
    Category.objects.filter(key="여행").update(position=0)
    assert [each["key"] for each in api.get(CATEGORIES).json()["results"]] == ["여행", "캠핑", "파티"]


def test_the_list_is_not_sent_again_to_who_has_it_until_it_changes(api: APIClient) -> None:
    first = api.get(CATEGORIES)
    assert first["Cache-Control"] == "private, no-cache"
    assert api.get(CATEGORIES, headers={"if-none-match": first["ETag"]}).status_code == 304
    categories.add_category(**GARDEN)
    assert api.get(CATEGORIES, headers={"if-none-match": first["ETag"]}).status_code == 200


@pytest.mark.parametrize("icon", domain.ICONS)
def test_every_icon_is_a_picture_of_ours_that_names_nothing_outside(icon: str) -> None:
    drawn = Path(apps.get_app_config("items").path, "static", "items", "icons", f"{icon}.svg").read_text()
    assert drawn.startswith('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"')
    assert drawn.count("http") == 1


# -- Which one a text means -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["파티", "파 티", " 파티 ", "party", "PARTY", "ＰＡＲＴＹ", "par\u200bty"])
def test_an_item_is_registered_with_a_category_however_it_is_written(client: APIClient, text: str) -> None:
    answer = client.post(ITEMS, DRILL | {"category": text}, format="json")
    assert answer.status_code == 201, answer.content
    assert (answer.json()["category"], answer.json()["category_key"]) == ("파티", "파티")


@pytest.mark.parametrize("text", ["파", "파티용품", "!!!"])
def test_an_unknown_category_is_refused_and_changes_nothing(client: APIClient, text: str) -> None:
    item = client.post(ITEMS, DRILL, format="json").json()
    for answer in (
        client.post(ITEMS, DRILL | {"category": text}, format="json"),
        client.patch(f"{ITEMS}/{item['id']}", {"category": text}, format="json"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_category")
        assert "/api/v1/categories" in answer.json()["detail"]
        assert [error["field"] for error in answer.json()["errors"]] == ["category"]
    assert (Item.objects.get().category, Item.objects.get().version) == ("공구", 1)


def test_a_category_that_is_not_active_is_kept_and_found_and_not_given(client: APIClient) -> None:
    item = client.post(ITEMS, DRILL, format="json").json()
    Category.objects.filter(key="공구").update(is_active=False)
    known.clear_cache()
    address = f"{ITEMS}/{item['id']}"
    assert client.post(ITEMS, DRILL, format="json").json()["code"] == "unknown_category"
    assert client.patch(address, {"category": "tools", "name": "망치"}, format="json").json()["code"] == "unknown_category"
    assert client.patch(address, {"category": "공 구", "name": "망치"}, format="json").json()["category"] == "공구"
    assert [found["name"] for found in client.get(f"{ITEMS}?category=tools").json()["results"]] == ["망치"]


@pytest.mark.parametrize("asked", ["캠핑", "캠 핑", "Camping", "camp ing"])
def test_a_search_takes_the_key_and_every_name(api: APIClient, asked: str) -> None:
    tent = ItemFactory(category="캠핑")
    ItemFactory()
    assert [found["id"] for found in api.get(ITEMS, {"category": asked}).json()["results"]] == [str(tent.id)]


def test_a_renamed_category_is_found_by_both_names_and_items_keep_their_text(client: APIClient) -> None:
    item = client.post(ITEMS, DRILL, format="json").json()
    categories.revise_category(key="공구", name_ko="연장", name_en="Hardware", icon="tools", position=1, is_active=True)
    new = client.post(ITEMS, DRILL | {"category": "tools"}, format="json").json()
    assert (new["category"], new["category_key"]) == ("연장", "공구")
    for asked in ("공구", "연장", "tools", "Hardware"):
        found = client.get(ITEMS, {"category": asked}).json()["results"]
        assert {each["id"] for each in found} == {item["id"], new["id"]}, asked
    assert (Item.objects.get(id=item["id"]).category, Item.objects.get(id=item["id"]).version) == ("공구", 1)
    assert client.patch(f"{ITEMS}/{item['id']}", {"category": "공구"}, format="json").json()["version"] == 1


def test_what_a_text_means_is_asked_once_in_a_while() -> None:
    known.get_category(category="캠핑")
    with CaptureQueriesContext(connection) as run:
        assert known.get_category(category="캠 핑").key == known.key_of(category="캠핑") == "캠핑"
    assert len(run) == 0


def test_a_category_of_another_process_can_be_given_at_once() -> None:
    with pytest.raises(UnknownCategoryError):
        known.get_category(category="새것")
    CategoryName.objects.create(folded="새것", category=Category.objects.create(key="새것", name_ko="새것", name_en="New"))
    assert known.get_category(category="새것").name == "새것"


def test_a_category_that_is_activated_in_another_process_can_be_given_at_once() -> None:
    Category.objects.filter(key="공구").update(is_active=False)
    known.clear_cache()
    with pytest.raises(UnknownCategoryError):
        known.get_category(category="공구")
    Category.objects.filter(key="공구").update(is_active=True)
    assert known.get_category(category="공구").is_active


def test_what_is_not_remembered_is_asked_once() -> None:
    for _ in range(2):
        with CaptureQueriesContext(connection) as run, pytest.raises(UnknownCategoryError):
            known.get_category(category="없는 것")
        assert len(run) == 1


# -- Operators' changes -----------------------------------------------------------------------------------------------------------


def test_a_new_category_is_named_by_what_its_korean_name_folds_to() -> None:
    assert categories.add_category(**GARDEN).key == "텃밭도구"
    assert set(CategoryName.objects.filter(category="텃밭도구").values_list("folded", flat=True)) == {"텃밭도구", "allotment"}


@pytest.mark.parametrize("name", ["name_ko", "name_en"])
def test_a_name_means_one_category(name: str) -> None:
    with pytest.raises(CategoryNameTakenError):
        categories.add_category(**GARDEN | {name: "par ty"})
    with pytest.raises(CategoryNameTakenError):
        categories.revise_category(key="공구", **GARDEN | {name: "파 티"})
    assert not Category.objects.filter(key="텃밭도구").exists()
    assert Category.objects.get(key="공구").name_ko == "공구"


_WRONG = [({"name_ko": "\u3164"}, BadCategoryError), ({"name_ko": "!!!"}, BadCategoryError), ({"icon": "gun"}, BadIconError)]


@pytest.mark.parametrize(("wrong", "refusal"), _WRONG)
def test_a_category_shows_something_and_has_a_known_icon(wrong: dict[str, Any], refusal: type[Exception]) -> None:
    with pytest.raises(refusal):
        categories.add_category(**GARDEN | wrong)
    assert Category.objects.count() == len(DEFAULTS) + 1


def test_so_many_can_be_chosen_from_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "MAX_ACTIVE_CATEGORIES", len(DEFAULTS) + 1)
    with pytest.raises(TooManyCategoriesError):
        categories.add_category(**GARDEN)
    categories.add_category(**GARDEN | {"is_active": False})
    with pytest.raises(TooManyCategoriesError):
        categories.revise_category(key="텃밭도구", **GARDEN)
    assert not Category.objects.get(key="텃밭도구").is_active


def test_what_does_not_differ_is_no_new_version() -> None:
    same: Any = {"name_ko": "공구", "name_en": "Tools", "icon": "tools", "position": 1, "is_active": True}
    assert categories.revise_category(key="공구", expected_version=1, **same).version == 1
    assert categories.revise_category(key="공구", expected_version=1, **same | {"position": 2}).version == 2
    with pytest.raises(CategoryVersionMismatchError):
        categories.revise_category(key="공구", expected_version=1, **same)
    assert Category.objects.get(key="공구").position == 2


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_limits_hold_when_two_are_added_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "MAX_PLACES", 1)
    categories.create_missing_categories()
    monkeypatch.setattr(domain, "MAX_ACTIVE_CATEGORIES", Category.objects.filter(is_active=True).count() + 1)
    refused: list[str] = []
    manager_id = ids.uuid7()
    where: Any = {"manager_id": manager_id, "now": clock.now(), "name": "서울숲", "latitude": 37.5444, "longitude": 127.0374}

    def add_one_more() -> None:
        for adding in (
            lambda: places.add_place(place_id=ids.uuid7(), **where),
            lambda: categories.add_category(**GARDEN | {"name_ko": "둘째", "name_en": "Second"}),
        ):
            try:
                adding()
            except DomainError as refusal:
                refused.append(refusal.code)
        connections.close_all()

    other = Thread(target=add_one_more)
    with databases.transaction_for("items"):
        places.add_place(place_id=ids.uuid7(), **where)
        categories.add_category(**GARDEN)
        other.start()
        other.join(timeout=0.5)
    other.join()

    assert refused == ["too_many_places", "too_many_categories"]
