"""Registering, revising and withdrawing over HTTP."""

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from apps.items.models import Item
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

ITEMS = "/api/v1/items"
DRILL = {
    "name": "전동 드릴",
    "description": "18 V\n배터리 두 개",
    "category": "공구",
    "daily_price": 8_000,
    "deposit": 30_000,
    "currency": "KRW",
    "latitude": 37.5663,
    "longitude": 126.9779,
    "place": "서울 중구",
}
Clients = Callable[[Any], APIClient]


def _problem(answer: Any, status: int) -> dict[str, Any]:
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    return problem


def _named(answer: Any) -> dict[str, str]:
    return {error["field"]: error["code"] for error in _problem(answer, 400)["errors"]}


def test_a_manager_registers_an_item(manager_api: APIClient, manager: Any) -> None:
    answer = manager_api.post(ITEMS, DRILL, format="json")
    assert answer.status_code == 201
    item = answer.json()
    assert list(item) == [
        "id", "manager", "name", "description", "category", "category_key", "daily_price", "deposit", "currency", "latitude", "longitude",
        "place", "pickup_place", "state", "availability", "photos", "version", "registered_at", "updated_at",
    ]  # fmt: skip
    assert {field: item[field] for field in DRILL} == DRILL
    assert (item["manager"], item["state"], item["availability"], item["version"]) == (str(manager.pk), "listed", "available", 1)
    assert item["registered_at"] == item["updated_at"]
    assert item["registered_at"].endswith("Z")
    assert answer["Location"] == f"http://testserver{ITEMS}/{item['id']}"
    shown = manager_api.get(answer["Location"])
    assert (shown.status_code, shown.json(), shown["ETag"]) == (200, item, answer["ETag"])


def test_description_deposit_and_currency_may_be_left_out(manager_api: APIClient) -> None:
    body = {field: value for field, value in DRILL.items() if field not in {"description", "deposit", "currency"}}
    item = manager_api.post(ITEMS, body, format="json").json()
    assert (item["description"], item["deposit"], item["currency"]) == ("", 0, "KRW")


def test_missing_fields_are_named(manager_api: APIClient) -> None:
    required = dict.fromkeys(["name", "category", "daily_price", "latitude", "longitude", "place"], "required")
    assert _named(manager_api.post(ITEMS, {}, format="json")) == required
    assert not Item.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("name", "", "blank"),
        ("name", "가" * 101, "max_length"),
        ("name", 5, "invalid"),
        ("name", None, "null"),
        ("name", "dr\nill", "control_characters"),
        ("name", "llird\u202edrill", "control_characters"),
        ("description", "가" * 2_001, "max_length"),
        ("category", "가" * 41, "max_length"),
        ("place", "가" * 101, "max_length"),
        ("daily_price", 0, "min_value"),
        ("daily_price", -5, "min_value"),
        ("daily_price", 10_000_001, "max_value"),
        ("daily_price", 10**400, "max_value"),
        ("daily_price", 8_000.5, "invalid"),
        ("daily_price", "8000", "invalid"),
        ("daily_price", True, "invalid"),
        ("deposit", -1, "min_value"),
        ("deposit", 100_000_001, "max_value"),
        ("currency", "USD", "invalid_choice"),
        ("latitude", 90.1, "out_of_range"),
        ("latitude", 10**400, "out_of_range"),
        ("latitude", "37.5", "invalid"),
        ("longitude", True, "invalid"),
        ("longitude", -181, "out_of_range"),
        ("id", "01a20689-c5fe-7259-afa0-9b867c99804e", "read_only"),
        ("manager", "01a20689-c5fe-7259-afa0-9b867c99804e", "read_only"),
        ("availability", "rented", "read_only"),
        ("version", 7, "read_only"),
        ("colour", "red", "unknown_field"),
    ],
)
def test_an_invalid_field_is_named_and_registers_nothing(manager_api: APIClient, field: str, value: object, code: str) -> None:
    assert _named(manager_api.post(ITEMS, {**DRILL, field: value}, format="json")) == {field: code}
    assert not Item.objects.exists()


def test_only_item_managers_register_revise_and_withdraw(api: APIClient, as_user: Clients) -> None:
    item = ItemFactory(name="드릴")
    renter = as_user(UserFactory(renter=True))
    for manager_api, status, code in ((api, 401, "not_authenticated"), (renter, 403, "wrong_role")):
        assert _problem(manager_api.post(ITEMS, DRILL, format="json"), status)["code"] == code
        assert _problem(manager_api.patch(f"{ITEMS}/{item.id}", {"name": "내 드릴"}, format="json"), status)["code"] == code
        assert _problem(manager_api.delete(f"{ITEMS}/{item.id}"), status)["code"] == code
    item.refresh_from_db()
    assert (Item.objects.count(), item.name, item.state) == (1, "드릴", "listed")


def test_a_manager_revises_an_own_item(manager_api: APIClient, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    answer = manager_api.patch(f"{ITEMS}/{item.id}", {"daily_price": 9_000}, format="json")
    assert (answer.status_code, answer.json()["daily_price"], answer.json()["version"]) == (200, 9_000, 2)
    assert answer.json() == manager_api.get(f"{ITEMS}/{item.id}").json()


@pytest.mark.parametrize("change", [{"daily_price": -1}, {"state": "withdrawn"}, {"colour": "red"}, {"name": None}])
def test_an_invalid_revision_changes_nothing(manager_api: APIClient, manager: Any, change: dict[str, object]) -> None:
    item = ItemFactory(manager_id=manager.pk)
    assert list(_named(manager_api.patch(f"{ITEMS}/{item.id}", change, format="json"))) == list(change)
    item.refresh_from_db()
    assert item.version == 1


def test_a_revision_of_a_stale_version_is_refused(manager_api: APIClient, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk, name="드릴")
    seen = manager_api.get(f"{ITEMS}/{item.id}")["ETag"]
    renamed = manager_api.patch(f"{ITEMS}/{item.id}", {"name": "해머 드릴"}, format="json", headers={"If-Match": seen})
    assert renamed.status_code == 200
    late = manager_api.patch(f"{ITEMS}/{item.id}", {"name": "망치"}, format="json", headers={"If-Match": seen})
    problem = _problem(late, 412)
    assert (problem["code"], problem["version"]) == ("version_mismatch", 2)
    assert manager_api.get(f"{ITEMS}/{item.id}").json()["name"] == "해머 드릴"


def test_a_rental_changes_the_etag_but_not_the_version(manager_api: APIClient, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    seen = manager_api.get(f"{ITEMS}/{item.id}")["ETag"]
    assert manager_api.get(f"{ITEMS}/{item.id}", headers={"If-None-Match": seen}).status_code == 304
    Item.objects.update(availability="rented")
    again = manager_api.get(f"{ITEMS}/{item.id}", headers={"If-None-Match": seen})
    assert (again.status_code, again.json()["availability"]) == (200, "rented")
    revised = manager_api.patch(f"{ITEMS}/{item.id}", {"name": "해머 드릴"}, format="json", headers={"If-Match": seen})
    assert revised.status_code == 200


def test_a_withdrawn_item_is_gone_for_everybody(manager_api: APIClient, api: APIClient, manager: Any) -> None:
    item = ItemFactory(manager_id=manager.pk)
    answer = manager_api.delete(f"{ITEMS}/{item.id}")
    assert (answer.status_code, answer.content) == (204, b"")
    assert _problem(api.get(f"{ITEMS}/{item.id}"), 404)["code"] == "item_not_found"
    assert _problem(manager_api.patch(f"{ITEMS}/{item.id}", {"name": "드릴"}, format="json"), 404)["code"] == "item_not_found"
    assert _problem(manager_api.delete(f"{ITEMS}/{item.id}"), 404)["code"] == "item_not_found"
    assert api.get(ITEMS).json()["results"] == []


@pytest.mark.parametrize("address", [f"{ITEMS}/7", f"{ITEMS}/{'0' * 36}", f"{ITEMS}/01a20689-c5fe-7259-afa0-9b867c99804e"])
def test_an_address_without_an_item_is_a_404(api: APIClient, address: str) -> None:
    assert _problem(api.get(address), 404)["code"].endswith("not_found")


@pytest.mark.parametrize("nothing", ["\u3164", "\u200b\u2060", "\u00a0\u3000", "\u2800", "\u115f\u1160\uffa0", "\ufe0f\u034f", "\u0301"])
@pytest.mark.parametrize("field", ["name", "category", "place"])
def test_a_name_that_shows_nothing_is_refused(manager_api: APIClient, manager: Any, field: str, nothing: str) -> None:
    item: Any = ItemFactory(manager_id=manager.pk)
    before = Item.objects.values().get()
    assert _named(manager_api.post(ITEMS, DRILL | {field: nothing}, format="json")) == {field: "blank"}
    assert _named(manager_api.patch(f"{ITEMS}/{item.pk}", {field: nothing}, format="json")) == {field: "blank"}
    assert Item.objects.values().get() == before


def test_a_description_that_shows_nothing_is_none(manager_api: APIClient) -> None:
    assert manager_api.post(ITEMS, DRILL | {"description": "\u3164\n\u200b"}, format="json").json()["description"] == ""
