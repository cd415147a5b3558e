"""The lists of the admin take what their filters and search ask for, and nothing else from an address."""

import logging
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.factories.accounts import UserFactory
from tests.factories.items import ItemFactory

pytestmark = pytest.mark.django_db

SCREENS = sorted(admin.site._registry, key=lambda model: model._meta.label)
ITEMS = "/admin/items/item/"


def _list(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(UserFactory(operator=True))
    return client


@pytest.mark.nightly("postgresql")  # refused before any database; by day on SQLite alone
@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.label)
def test_no_list_takes_a_lookup_that_is_not_one_of_its_filters(model: type[Model], operator: Client) -> None:
    for field in model._meta.concrete_fields:
        for lookup in ("regex", "iregex", "in", "contains", "year", "range"):
            with CaptureQueriesContext(connection) as statements:
                answer = operator.get(_list(model), {f"{field.name}__{lookup}": "0"})
            assert answer.status_code == 400, (field.name, lookup)
            assert not [each["sql"] for each in statements if f'FROM "{model._meta.db_table}"' in each["sql"] and "REGEX" in each["sql"]]


def test_a_pattern_of_a_manager_never_reaches_the_database(client: Client) -> None:
    manager: Any = UserFactory(item_manager=True)
    ItemFactory(manager_id=manager.pk, description="a" * 30)
    client.force_login(manager)
    with CaptureQueriesContext(connection) as statements:
        answer = client.get(ITEMS, {"description__regex": "a+b"})
    assert answer.status_code == 400
    assert "items_item" not in "".join(each["sql"] for each in statements)


@pytest.mark.parametrize("accept", ["en", "ko"])
def test_the_refusal_is_a_page_that_says_what_a_list_takes(accept: str, operator: Client) -> None:
    page = operator.get(ITEMS, {"description__regex": "x"}, headers={"accept-language": accept, "accept": "text/html"}).content.decode()
    assert {"en": "by its filters and its search alone", "ko": "필터와 검색으로만"}[accept] in page


@pytest.mark.parametrize("model", SCREENS, ids=lambda model: model._meta.label)
@pytest.mark.parametrize(
    "value",
    [
        "",
        "x",
        "0",
        "-1",
        "99999999999999999999",
        "True",
        "0001-01-01 00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2026-13-45",
        "\0",
        "%",
        "가",
    ],
)
def test_no_value_of_a_filter_breaks_a_list(model: type[Model], value: str, operator: Client, pytestconfig: pytest.Config) -> None:
    screen = admin.site._registry[model]
    request = operator.get(_list(model)).wsgi_request
    names = [name for entry in screen.get_list_filter(request) for name in screen._lookups_of(entry, request)]  # type: ignore[attr-defined]
    # What reaches no database is tried on SQLite alone by day.
    is_short = connection.vendor == "postgresql" and not pytestconfig.option.nightly
    for name in [*names, "q", *(() if is_short else ("o", "p", "all", "e", "_popup", "_to_field"))]:
        assert operator.get(_list(model), {name: value}).status_code in {200, 302, 400}, name


def test_the_links_of_the_filters_work(operator: Client) -> None:
    for model in SCREENS:
        page = operator.get(_list(model))
        for spec in page.context["cl"].filter_specs:
            for choice in spec.choices(page.context["cl"]):
                assert operator.get(_list(model) + choice["query_string"]).status_code == 200


@pytest.mark.parametrize("address", [ITEMS, "/admin/rentals/rental/", "/admin/accounts/user/"])
def test_a_search_of_any_length_is_answered(address: str, operator: Client) -> None:
    assert operator.get(address, {"q": " ".join(f"w{number}" for number in range(2_000))}).status_code == 200


@pytest.mark.parametrize("address", [f"{ITEMS}?_to_field=name", f"{ITEMS}?description__regex=x"])
def test_an_address_that_is_refused_is_no_error_in_the_log(address: str, operator: Client, caplog: pytest.LogCaptureFixture) -> None:
    assert operator.get(address).status_code == 400
    assert [record.name for record in caplog.records if record.levelno >= logging.ERROR] == []
