"""The page of the system: what is outstanding, for operators alone, at the same cost however much there is."""

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from gdmarket import breaker
from gdmarket.breaker import store
from tests.factories.accounts import UserFactory
from tests.factories.payments import PaymentFactory
from tests.statements import count_statements, refused_statements

pytestmark = pytest.mark.django_db(databases="__all__")


def _open(**traits: bool) -> Any:
    client = Client(headers={"accept-language": "en"})
    client.force_login(UserFactory(**traits))
    return client.get("/admin/system/")


def test_an_operator_sees_every_subscriber_and_the_provider() -> None:
    page = _open(operator=True)
    assert {"items", "rentals", "payments", "status_view"} <= {row["name"] for row in page.context["subscribers"]}
    assert [row["is_well"] for row in page.context["circuits"]] == [True]
    assert page.context["money"] == []
    assert [str(row["state"]) for row in page.context["circuits"]] == ["Working"]
    assert {str(row["label"]) for row in page.context["subscribers"]} >= {"Items", "Rentals", "Payments", "Status view"}


def test_what_is_wrong_is_said() -> None:
    name = next(iter(breaker.declared()))
    store.open_by_hand(name=name, for_s=60.0, reason="maintenance")
    PaymentFactory(state="unknown", amount=12_000)

    page = _open(operator=True)

    assert [(row["is_well"], row["reason"]) for row in page.context["circuits"] if row["name"] == name] == [(False, "maintenance")]
    assert [(str(row["kind"]), row["count"], row["sum"]) for row in page.context["money"]] == [
        ("Payments whose outcome is not known", 1, "₩12,000")
    ]
    assert {row["is_well"] for row in page.context["subscribers"]} == {False}  # no relay runs in a test
    assert "No relay" in page.content.decode()


@pytest.mark.parametrize("table", ["bus_delivery", "breaker_circuit", "payments_payment"])
def test_what_does_not_answer_is_said_and_the_rest_is_shown(table: str) -> None:
    with refused_statements(table):
        page = _open(operator=True)
    assert page.status_code == HTTPStatus.OK
    assert "The database is away." in page.content.decode()
    read = {
        "bus_delivery": bool(page.context["subscribers"]),
        "breaker_circuit": bool(page.context["circuits"]),
        "payments_payment": page.context["money"] is not None,
    }
    assert [name for name, was_read in read.items() if not was_read] == [table]


def test_an_item_manager_does_not_see_it() -> None:
    assert _open(item_manager=True).status_code == HTTPStatus.FORBIDDEN


def test_much_costs_no_more_statements_than_little() -> None:
    client = Client()
    client.force_login(UserFactory(operator=True))
    assert client.get("/admin/system/").status_code == HTTPStatus.OK
    few = count_statements(lambda: client.get("/admin/system/"))
    for _ in range(20):
        PaymentFactory(state="unknown")
    assert count_statements(lambda: client.get("/admin/system/")) == few
