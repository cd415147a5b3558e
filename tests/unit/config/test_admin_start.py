"""The admin's start page and its languages."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.status_view.models import ItemStatus, RentalStatus
from gdmarket import clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def _rental(manager: Any, state: str, *, starts_in: timedelta = timedelta(), overdue: bool = False) -> None:
    now = clock.now()
    RentalStatus.objects.create(
        id=uuid7(),
        version=1,
        item_id=uuid7(),
        item_name="드릴",
        renter_id=uuid7(),
        manager_id=manager.pk,
        starts_at=now + starts_in,
        ends_at=now + starts_in + DAY,
        price=8_000,
        currency="KRW",
        state=state,
        overdue=overdue,
        payment_due_at=now,
        requested_at=now,
    )


def _item(manager: Any, *, state: str = "listed") -> None:
    ItemStatus.objects.create(id=uuid7(), version=1, manager_id=manager.pk, name="드릴", state=state, currency="KRW")


@pytest.fixture
def market() -> tuple[Any, Any]:
    """Return two managers; the first has something of everything."""
    first, second = UserFactory(item_manager=True), UserFactory(item_manager=True)
    _rental(first, "paid", starts_in=-DAY)
    _rental(first, "paid")
    _rental(first, "paid", starts_in=2 * DAY)
    _rental(first, "rented")
    _rental(first, "rented", starts_in=-3 * DAY, overdue=True)
    _rental(first, "requested")
    _rental(first, "returned")
    _item(first)
    _item(first)
    _item(first, state="withdrawn")
    _rental(second, "rented")
    _item(second)
    return first, second


def _start(person: Any) -> dict[str, Any]:
    client = Client()
    client.force_login(person)
    cards = {card["kind"]: card for card in client.get("/admin/").context["cards"]}
    for card in cards.values():
        assert client.get(card["address"]).context["cl"].result_count == card["count"], card
    return {kind: card["count"] for kind, card in cards.items()}


def test_the_start_page_counts_what_a_manager_has_to_look_after_and_leads_to_it(market: tuple[Any, Any]) -> None:
    assert _start(market[0]) == {"to_hand_over": 2, "out": 2, "overdue": 1, "unpaid": 1, "listed": 2}
    assert _start(market[1]) == {"to_hand_over": 0, "out": 1, "overdue": 0, "unpaid": 0, "listed": 1}


def test_an_operators_start_page_counts_everybodys(market: tuple[Any, Any]) -> None:
    assert _start(UserFactory(operator=True)) == {"to_hand_over": 2, "out": 3, "overdue": 1, "unpaid": 1, "listed": 3}


def test_the_start_page_asks_no_more_of_a_full_market_than_of_an_empty_one(market: tuple[Any, Any]) -> None:
    asked = []
    for manager in (UserFactory(item_manager=True), market[0]):
        client = Client()
        client.force_login(manager)
        with CaptureQueriesContext(connection) as questions:
            client.get("/admin/")
        asked.append(len(questions))
    assert asked[0] == asked[1]


# -- Languages --------------------------------------------------------------------------------------------------------------------


def test_a_korean_browser_is_spoken_to_in_korean() -> None:
    page = Client(headers={"accept-language": "ko-KR,ko;q=0.9,en;q=0.8"}).get("/admin/login/").content.decode()
    assert '<html lang="ko"' in page
    assert "근대마켓" in page


def test_the_language_is_switched_before_and_after_signing_in() -> None:
    client = Client(headers={"accept-language": "ko"})
    address = "/admin/login/?next=/admin/items/item/"
    page = client.get(address).content.decode()
    assert '<button type="submit" name="language" value="ko" lang="ko" aria-current="true">한국어</button>' in page
    switched = client.post("/i18n/setlang/", {"language": "en", "next": address})
    assert (switched.status_code, switched["Location"]) == (302, address)
    assert "Lend and rent in the neighbourhood" in client.get(address).content.decode()
    client.force_login(UserFactory(item_manager=True))
    assert '<html lang="en"' in client.get("/admin/").content.decode()
    client.post("/i18n/setlang/", {"language": "ko", "next": "/admin/"})
    assert "오늘 건네줄 물건" in client.get("/admin/").content.decode()


def test_pages_hold_no_style_or_script_of_their_own(market: tuple[Any, Any]) -> None:
    """What the content security policy would refuse."""
    client = Client()
    client.force_login(market[0])
    for address in ("/admin/", "/admin/items/item/add/", "/admin/rentals/rental/", "/admin/status_view/rentalstatus/"):
        answer = client.get(address)
        page = answer.content.decode()
        assert "default-src 'self'" in answer["Content-Security-Policy"]
        assert not [mark for mark in (" style=", "<style", "onclick=", "<script>") if mark in page], address


@pytest.mark.parametrize(("address", "status"), [("/nowhere", 404), ("/admin/accounts/user/", 403)])
def test_a_refusal_is_a_page_in_the_readers_language(address: str, status: int) -> None:
    client = Client(headers={"accept-language": "ko", "accept": "text/html"})
    client.force_login(UserFactory(item_manager=True))
    answer = client.get(address)
    assert answer.status_code == status
    assert "시작 화면으로" in answer.content.decode()
