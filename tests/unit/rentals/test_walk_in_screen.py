"""The walk-in screen: the price first, then one booking, however often the form is sent; and never of another's item."""

import re
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings

from apps.items import services as items
from apps.items.models import Item
from apps.rentals.models import Block, Guest, Listing, ListingManager, Rental
from gdmarket import bus, clock
from gdmarket.ids import uuid7
from tests.factories.accounts import UserFactory
from tests.factories.rentals import RentalFactory

pytestmark = pytest.mark.django_db(transaction=True)

SEOUL = ZoneInfo("Asia/Seoul")
DAY = timedelta(days=1)
PLACE: dict[str, Any] = {"category": "공구", "daily_price": 8_000, "latitude": 37.5, "longitude": 127.0, "place": "성수역"}


@pytest.fixture
def manager() -> Any:
    return UserFactory(item_manager=True)


@pytest.fixture
def item(manager: Any) -> Item:
    item = items.register_item(item_id=uuid7(), manager_id=manager.pk, name="드릴", now=clock.now(), **PLACE)
    bus.run_until_idle()
    return item


def client_of(person: Any) -> Client:
    client = Client(headers={"accept-language": "en"})
    client.force_login(person)
    return client


def address(item: Item, **asked: str) -> str:
    return "/admin/rentals/rental/walk-in/?" + urlencode({"item": str(item.pk), **asked})


def day(number: int, hour: int = 10) -> str:
    """Return an hour of a day that many days from now, as the form writes it."""
    return f"{clock.now().astimezone(SEOUL) + number * DAY:%Y-%m-%d}T{hour:02}:00"


def typed(**said: str) -> dict[str, str]:
    return {"rental_id": str(uuid7()), "starts_at": day(2), "ends_at": day(4), "renter_name": "김철수", "contact": "010-1234", **said}


def booking(price: int = 16_000, **said: str) -> dict[str, str]:
    return typed(step="book", expected_price=str(price), **said)


def errors(answer: Any) -> dict[str, list[str]]:
    return {name: list(map(str, texts)) for name, texts in answer.context["form"].errors.items()}


def test_the_price_is_shown_before_anything_is_booked_and_then_it_is_paid(manager: Any, item: Item) -> None:
    client = client_of(manager)
    first = client.get(address(item, **{"from": day(2)[:10], "to": day(3)[:10]}))
    assert first.context["price"] == "₩16,000"

    asked = client.post(address(item), typed())
    assert (asked.context["price"], Rental.objects.count()) == ("₩16,000", 0)
    assert 'value="김철수"' in asked.content.decode()

    answer = client.post(address(item), booking())
    rental = Rental.objects.get()
    assert answer["Location"] == f"/admin/rentals/rental/{rental.pk}/change/"
    assert (rental.state, rental.in_cash, rental.price, rental.item_id) == ("paid", True, 16_000, item.pk)
    assert f"{rental.starts_at.astimezone(SEOUL):%Y-%m-%dT%H:%M}" == day(2)
    guest = Guest.objects.get(renter_id=rental.renter_id)
    assert (guest.name, guest.contact) == ("김철수", "010-1234")
    logged = LogEntry.objects.get(object_id=str(rental.pk))
    assert (logged.user_id, logged.is_addition()) == (manager.pk, True)


def test_who_has_an_account_is_booked_by_their_address(manager: Any, item: Item) -> None:
    renter: Any = UserFactory(email="renter9@example.com")
    client_of(manager).post(address(item), booking(renter_name="", contact="", renter_email="Renter9@example.com"))
    assert Rental.objects.get().renter_id == renter.pk


def test_a_form_that_is_sent_twice_books_once(manager: Any, item: Item) -> None:
    client, form = client_of(manager), booking()
    answers = [client.post(address(item), form) for _ in range(2)]
    assert {answer["Location"] for answer in answers} == {f"/admin/rentals/rental/{Rental.objects.get().pk}/change/"}
    assert LogEntry.objects.count() == 1
    assert "was booked already" in client.get(answers[1]["Location"]).content.decode()


@pytest.mark.parametrize("who", ["another", "operator"])
def test_nobody_books_another_managers_item(item: Item, who: str) -> None:
    client = client_of(UserFactory(item_manager=True) if who == "another" else UserFactory(operator=True))
    assert client.get(address(item)).status_code == 403
    assert client.post(address(item), booking()).status_code == 403
    assert (Rental.objects.count(), Guest.objects.count()) == (0, 0)


def test_renters_and_strangers_do_not_come_in(item: Item) -> None:
    for client in (Client(), client_of(UserFactory(renter=True))):
        answer = client.post(address(item), booking())
        assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/")
    assert Rental.objects.count() == 0


def test_the_id_of_anothers_rental_in_a_forged_form_is_refused(manager: Any, item: Item) -> None:
    theirs = RentalFactory(state="paid")
    assert client_of(manager).post(address(item), booking(rental_id=str(theirs.pk))).status_code == 403
    assert (Rental.objects.count(), LogEntry.objects.count()) == (1, 0)


def test_an_unknown_item_is_refused_and_without_one_the_board_is_shown(manager: Any, item: Item) -> None:
    client = client_of(manager)
    assert client.get("/admin/rentals/rental/walk-in/", {"item": str(uuid7())}).status_code == 403
    for nonsense in ({}, {"item": "x"}):
        assert client.get("/admin/rentals/rental/walk-in/", nonsense)["Location"] == "/admin/board/"


def test_a_period_that_is_taken_is_refused_with_the_next_that_is_free_and_what_was_typed_stays(manager: Any, item: Item) -> None:
    client = client_of(manager)
    client.post(address(item), booking())
    for step in ({}, {"step": "book", "expected_price": "16000"}):
        refused: Any = client.post(address(item), typed(starts_at=day(3), ends_at=day(5), renter_name="이영희", **step))
        assert errors(refused) == {"__all__": ["The item is taken for that period."]}
        assert refused.context["next_free"]["value"] == f"{day(4)} {day(6)}"
        assert 'value="이영희"' in refused.content.decode()
    assert Rental.objects.count() == 1

    offered = client.post(address(item), typed(starts_at=day(3), ends_at=day(5), take=f"{day(4)} {day(6)}"))
    assert (offered.context["price"], errors(offered)) == ("₩16,000", {})
    assert f'value="{day(4)}"' in offered.content.decode()


def test_the_enter_key_shows_the_price_of_what_was_typed(manager: Any, item: Item) -> None:
    client = client_of(manager)
    client.post(address(item), booking())
    page = client.post(address(item), typed(starts_at=day(3), ends_at=day(5))).content.decode()
    assert 'name="take"' in page
    form = page[page.index('<form method="post" novalidate>') :]
    assert re.findall(r'<(?:button|input) type="submit"[^>]* name="(\w+)"', form)[:1] == ["_quote"]


def test_days_that_the_manager_blocked_are_said_to_be_so_with_the_way_to_lift_the_block(manager: Any, item: Item) -> None:
    starts_at = datetime.fromisoformat(day(2)).replace(tzinfo=SEOUL)
    block = Block.objects.create(
        item_id=item.pk, manager_id=manager.pk, starts_at=starts_at, ends_at=starts_at + DAY, blocked_by=manager.pk, created_at=clock.now()
    )
    Listing.objects.filter(item_id=item.pk).update(blocked_until=block.ends_at)
    client, said = client_of(manager), "Days of that period are blocked: lift the block, or choose others."
    for step in ({}, {"step": "book", "expected_price": "16000"}):
        refused = client.post(address(item), typed(**step))
        assert errors(refused) == {"__all__": [said]}
        assert f'href="/admin/rentals/block/{block.pk}/delete/"' in refused.content.decode()
    assert said in client.get(address(item, **{"from": day(2)[:10]})).content.decode()
    assert Rental.objects.count() == 0


def test_a_day_of_the_board_that_is_taken_is_said_at_once(manager: Any, item: Item) -> None:
    client = client_of(manager)
    client.post(address(item), booking())
    opened = client.get(address(item, **{"from": day(3)[:10]}))
    assert "The item is taken for that period." in opened.content.decode()
    assert opened.context["price"] is None


def test_a_day_that_is_past_is_said_to_be(manager: Any, item: Item) -> None:
    opened = client_of(manager).get(address(item, **{"from": day(-2)[:10]}))
    assert "That day or time is past: choose another." in opened.content.decode()
    assert opened.context["price"] is None


def test_an_item_that_should_be_back_is_given_to_nobody(manager: Any, item: Item) -> None:
    RentalFactory(item_id=item.pk, manager_id=manager.pk, state="rented", starts_in=-3 * DAY)
    refused = client_of(manager).post(address(item), booking())
    assert errors(refused) == {"__all__": ["The item is taken for that period."]}
    assert Rental.objects.count() == 1


def test_a_price_that_changed_meanwhile_is_shown_anew(manager: Any, item: Item) -> None:
    client = client_of(manager)
    Listing.objects.filter(item_id=item.pk).update(daily_price=9_000)
    refused = client.post(address(item), booking())
    assert errors(refused) == {"__all__": ["The price is another now: look at it, and book again."]}
    assert (refused.context["price"], Rental.objects.count()) == ("₩18,000", 0)
    client.post(address(item), booking(18_000))
    assert Rental.objects.get().price == 18_000


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"renter_name": "", "contact": ""}, "renter_name"),
        ({"renter_name": "\u200b"}, "renter_name"),
        ({"renter_email": "renter@example.com"}, "renter_name"),
        ({"renter_name": "", "renter_email": "nobody@example.com"}, "renter_email"),
        ({"renter_name": "", "renter_email": "nobody"}, "renter_email"),
        ({"renter_name": "a\u202eb"}, "renter_name"),
        ({"contact": "x" * 101}, "contact"),
        ({"ends_at": ""}, "ends_at"),
        ({"ends_at": "tomorrow"}, "ends_at"),
        ({"ends_at": "2020-01-01T10:00"}, "ends_at"),
        ({"starts_at": "2020-01-01T10:00"}, "starts_at"),
        ({"starts_at": "0001-01-01T00:00"}, "starts_at"),
        ({"ends_at": "9999-12-31T23:59"}, "ends_at"),
        ({"rental_id": "x"}, "rental_id"),
    ],
)
def test_what_cannot_be_booked_is_said_beside_its_field_and_nothing_is_held(
    manager: Any, item: Item, said: dict[str, str], field: str
) -> None:
    refused = client_of(manager).post(address(item), booking(16_000, **said))
    assert (refused.status_code, list(errors(refused))) == (200, [field])
    assert (Rental.objects.count(), Guest.objects.count()) == (0, 0)
    assert 'role="alert"' in refused.content.decode()


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("withdrawn", "The item has been withdrawn and can no longer be rented."),
        ("paused", "The item is paused: its manager takes no requests for it at the moment."),
    ],
)
def test_an_item_that_was_withdrawn_or_is_paused_is_refused(manager: Any, item: Item, column: str, said: str) -> None:
    Listing.objects.filter(item_id=item.pk).update(**{column: True})
    for form in (typed(), booking()):
        assert errors(client_of(manager).post(address(item), form)) == {"__all__": [said]}
    assert Rental.objects.count() == 0


def test_a_manager_who_is_suspended_is_told_no_price(manager: Any, item: Item) -> None:
    ListingManager.objects.create(manager_id=manager.pk, is_suspended=True, version=2)
    for form in (typed(), booking()):
        refused: Any = client_of(manager).post(address(item), form)
        said = ["The item's manager is not active: the item can neither be requested nor paid."]
        assert (errors(refused), refused.context["price"]) == ({"__all__": said}, None)
    assert Rental.objects.count() == 0


def test_bookings_count_together_with_those_by_the_api(manager: Any, item: Item, settings: Settings) -> None:
    cache.clear()
    settings.GDMARKET_THROTTLE_WALK_INS = "1/hour"
    client = client_of(manager)
    tries = [client.post(address(item), booking(renter_name="", contact="", renter_email="a@example.com")) for _ in range(2)]
    assert [list(errors(answer)) for answer in tries] == [["renter_email"], ["__all__"]]
    assert client.post(address(item), typed()).context["price"] == "₩16,000", "a price is always told"
    cache.clear()


def test_a_korean_manager_reads_korean(manager: Any, item: Item) -> None:
    client = Client(headers={"accept-language": "ko"})
    client.force_login(manager)
    page = client.post(address(item), typed()).content.decode()
    assert "방문 예약" in page
    assert "예약: 현금 ₩16,000 받음" in page


def test_every_form_has_an_id_of_its_own(manager: Any, item: Item) -> None:
    client = client_of(manager)
    ids: set[UUID] = {client.get(address(item)).context["form"].initial["rental_id"] for _ in range(2)}
    assert len(ids) == 2
