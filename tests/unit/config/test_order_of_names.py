"""Names come in the order of their code points, on every database, in the API's lists, over pages, and in the admin.

tests/system/test_another_locale.py runs this on a PostgreSQL whose own order is another.
"""

import random
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connections
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from apps.accounts.models import User
from apps.items.models import Category, Item, PickupPlace
from apps.rentals.models import Rental
from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import clock, databases, ids
from gdmarket.text_columns import ByCodePoint
from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

NAMES = sorted(
    ["힘", "가", "가구", "가위", "각도기", "나", "전동 드릴 세트", "전동드릴", "10인용 텐트", "9", "B", "a", "a-b", "ab", "Zelt", "_", "😀"]
)


def _sorts_by(model: Any, shown: str) -> str:
    """Return the field by which a column of the admin's list sorts."""
    return str(getattr(getattr(admin.site._registry[model], shown, None), "admin_order_field", shown))


SORTED = [
    (model, field.name)
    for model in admin.site._registry
    for field in model._meta.concrete_fields
    if isinstance(field, ByCodePoint) and field.name in {_sorts_by(model, str(shown)) for shown in admin.site._registry[model].list_display}
]
_COLLATION = """
    SELECT collname FROM pg_attribute JOIN pg_collation ON pg_collation.oid = attcollation
    WHERE attrelid = %s::regclass AND attname = %s
"""


def _mixed() -> list[str]:
    return random.Random(1).sample(NAMES, len(NAMES))


@pytest.mark.parametrize("limit", [1, 3, 100])
@pytest.mark.parametrize("sign", ["", "-"])
def test_pages_of_items_by_name_are_in_order_forwards_and_back(api: APIClient, sign: str, limit: int) -> None:
    for name in _mixed():
        ItemFactory(name=name)
    expected = NAMES if sign == "" else NAMES[::-1]
    last = api.get(f"/api/v1/items?ordering={sign}name&limit={limit}").json()
    seen = [item["name"] for item in last["results"]]
    while last["next"]:
        last = api.get(last["next"]).json()
        seen += [item["name"] for item in last["results"]]
    assert seen == expected
    seen = [item["name"] for item in last["results"]]
    while last["previous"]:
        last = api.get(last["previous"]).json()
        seen = [*(item["name"] for item in last["results"]), *seen]
    assert seen == expected


def test_every_list_that_shows_a_name_is_known_here() -> None:
    assert {(model._meta.label, name) for model, name in SORTED} == {
        ("items.Item", "name"),
        ("items.Item", "category"),
        ("items.Item", "place"),
        ("items.Category", "name_ko"),
        ("items.Category", "name_en"),
        ("items.PickupPlace", "name"),
        ("rentals.Rental", "item_name"),
        ("accounts.User", "email"),
        ("accounts.User", "display_name"),
    }


@pytest.mark.parametrize(("model", "column"), SORTED, ids=lambda value: value if isinstance(value, str) else value._meta.label)
def test_a_list_of_the_admin_is_in_order(model: Any, column: str) -> None:
    operator: Any = UserFactory(operator=True, email="op@example.com", display_name="운영")
    for place, name in enumerate(_mixed()):
        _row(model, column, name, place)
    client = Client()
    client.force_login(operator)
    address = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    number = [_sorts_by(model, str(shown)) for shown in client.get(address).context["cl"].list_display].index(column)
    for sign, backwards in (("", False), ("-", True)):
        shown = [getattr(row, column) for row in client.get(address, {"o": f"{sign}{number}"}).context["cl"].result_list]
        assert len(shown) >= len(NAMES)
        assert shown == sorted(shown, reverse=backwards)


def _row(model: Any, column: str, name: str, place: int) -> None:
    now = clock.now()
    if model is Item:
        ItemFactory(**{column: name})
    elif model is User:
        UserFactory(**{column: name if column == "display_name" else f"{'ab-_0z.'[place % 7]}{'-.9a'[place % 4]}{place}@example.com"})
    elif model is Category:
        Category.objects.create(key=name, **{"name_ko": "이름", "name_en": "name", column: name})
    elif model is PickupPlace:
        times = {"registered_at": now, "updated_at": now}
        PickupPlace.objects.create(name=name, manager_id=ids.uuid7(), latitude=37.5, longitude=127.0, **times)
    else:
        people = {"item_id": ids.uuid7(), "renter_id": ids.uuid7(), "manager_id": ids.uuid7(), "item_name": name}
        times = {"starts_at": now, "ends_at": now + (now - now.replace(year=now.year - 1)), "payment_due_at": now, "requested_at": now}
        model.objects.create(id=ids.uuid7(), version=1, price=1, currency="KRW", state="requested", **people, **times)


def test_a_model_that_is_searched_has_names_that_are_ordered() -> None:
    """What people write is in such columns, also where a later list will sort by it."""
    names = {"name", "item_name", "display_name", "category", "place", "email"}
    plain = {
        f"{model._meta.label}.{field.name}"
        for model in (Item, Rental, ItemStatus, RentalStatus, User)
        for field in model._meta.concrete_fields
        if field.name in names and not isinstance(field, ByCodePoint)
    }
    assert plain == set()


@pytest.mark.postgresql
def test_every_name_has_a_collation_of_its_own_on_postgresql() -> None:
    found = {}
    for model in apps.get_models():
        connection = connections[databases.alias_for(model._meta.app_label)]
        if connection.vendor != "postgresql":
            continue
        with connection.cursor() as cursor:
            for field in (each for each in model._meta.concrete_fields if isinstance(each, ByCodePoint)):
                cursor.execute(_COLLATION, [model._meta.db_table, field.column])
                found[f"{model._meta.db_table}.{field.column}"] = cursor.fetchone()
    assert {"accounts_user.display_name", "rentals_rental.item_name", "status_view_itemstatus.name"} <= found.keys()
    assert set(found.values()) == {("C",)}
