"""The menu of the desk, for whom its entries are, and where what has moved is now."""

from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

MANAGERS = {
    "today": "/admin/",
    "board": "/admin/board/",
    "rentals": "/admin/rentals/rental/",
    "items": "/admin/items/item/",
    "income": "/admin/income/",
}
OPERATORS = {**MANAGERS, "payments": "/admin/payments/payment/", "people": "/admin/accounts/user/", "system": "/admin/system/"}


def _client(**traits: bool) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(UserFactory(**traits))
    return client


def _menu(client: Client, address: str) -> list[dict[str, Any]]:
    menu: list[dict[str, Any]] = client.get(address).context["menu"]
    return menu


@pytest.mark.parametrize(("traits", "expected"), [({"item_manager": True}, MANAGERS), ({"operator": True}, OPERATORS)])
def test_everybody_has_their_places_and_each_leads_somewhere_and_knows_that_it_is_there(
    traits: dict[str, bool], expected: dict[str, str]
) -> None:
    client = _client(**traits)
    assert {entry["key"]: entry["address"] for entry in _menu(client, "/admin/")} == expected
    for key, address in expected.items():
        assert [entry["key"] for entry in _menu(client, address) if entry["is_current"]] == [key]
        assert client.get(address).content.decode().count('aria-current="page"') == (2 if key in {"rentals", "items", "payments"} else 1)


@pytest.mark.parametrize(
    ("traits", "address", "expected"),
    [
        ({"operator": True}, "/admin/payments/refund/", [("Payments", False), ("Refunds", True), ("Ledger", False)]),
        ({"operator": True}, "/admin/items/category/", [("Items", False), ("Pickup places", False), ("Categories", True)]),
        ({"item_manager": True}, "/admin/rentals/block/add/", [("Rentals", False), ("Blocked days", True)]),
        ({"item_manager": True}, "/admin/items/pickupplace/add/", [("Items", False), ("Pickup places", True)]),
    ],
)
def test_a_place_of_several_pages_shows_those_that_one_may_open(
    traits: dict[str, bool], address: str, expected: list[tuple[str, bool]]
) -> None:
    pages = next(entry["pages"] for entry in _menu(_client(**traits), address) if entry["is_current"])
    assert [(str(page["label"]), page["is_current"]) for page in pages] == expected


def test_who_is_not_signed_in_has_no_menu() -> None:
    page = Client().get("/admin/login/")
    assert page.context["menu"] == []
    assert "news.js" not in page.content.decode()


@pytest.mark.parametrize("app", ["rentals", "items"])
def test_the_page_of_an_app_is_the_place(app: str) -> None:
    assert _client(item_manager=True).get(f"/admin/{app}/")["Location"] == MANAGERS[app]


ROW = UUID(int=7)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rentalstatus/", "/admin/rentals/rental/"),
        ("rentalstatus/?at_hand=overdue", "/admin/rentals/rental/?work_queue=overdue"),
        ("rentalstatus/?state=paid&q=%EA%B9%80&p=2&x=1", "/admin/rentals/rental/?state__exact=paid&q=%EA%B9%80"),
        (f"rentalstatus/{ROW}/change/", f"/admin/rentals/rental/{ROW}/change/"),
        (f"rentalstatus/{ROW}/history/", f"/admin/rentals/rental/{ROW}/change/"),
        ("itemstatus/?availability=rented&state=listed", "/admin/items/item/?availability__exact=rented&state__exact=listed"),
        (f"itemstatus/{ROW}/change/", f"/admin/items/item/{ROW}/change/"),
    ],
)
def test_bookmarks_of_the_status_view_lead_to_the_owners_pages(old: str, new: str) -> None:
    answer = _client(item_manager=True).get(f"/admin/status_view/{old}")
    assert (answer.status_code, answer["Location"]) == (302, new)
    assert "/admin/login/" in Client().get(f"/admin/status_view/{old}")["Location"]


def test_the_lists_take_what_the_old_ones_were_narrowed_to() -> None:
    client = _client(item_manager=True)
    for old in ("rentalstatus/?at_hand=overdue&state=paid&q=x", "itemstatus/?availability=rented&state=listed&category=x&q=x"):
        assert client.get(f"/admin/status_view/{old}", follow=True).status_code == 200


def test_a_bookmark_of_a_work_queue_keeps_working() -> None:
    answer = _client(item_manager=True).get("/admin/rentals/rental/?at_hand=overdue&q=x")
    assert (answer.status_code, answer["Location"]) == (302, "/admin/rentals/rental/?q=x&work_queue=overdue")
